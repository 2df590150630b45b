"""Keys change while a process runs: what is published is taken, what is withdrawn refused."""

import json
import time
from pathlib import Path
from typing import Any

import pytest
import structlog

from server.kit import auth, errors
from server.kit.context import Role
from server.settings import SettingsError, Tokens

OLD, NEW = auth.new_key("user-1"), auth.new_key("user-2")


class Files:
    """The files of a process, which are replaced in one step."""

    def __init__(self, folder: Path) -> None:
        self.settings = Tokens(
            jwks_file=folder / "jwks.json",
            signing_key_file=folder / "user.json",
            service_key_file=folder / "service-order.json",
            secret_file=folder / "secret.json",
        )
        self._write(self.settings.secret_file, {"secret": "s" * 43})
        self.publish(OLD)
        self.sign_with(OLD)

    def publish(self, *keys: dict[str, Any]) -> None:
        self._write(self.settings.jwks_file, auth.jwks(keys))

    def sign_with(self, key: dict[str, Any]) -> None:
        self._write(self.settings.signing_key_file, key)

    def call_with(self, key: dict[str, Any]) -> None:
        self._write(self.settings.service_key_file, key)

    def _write(self, file: Path, content: dict[str, Any]) -> None:
        new = file.with_suffix(".new")
        new.write_text(json.dumps(content))
        new.replace(file)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@pytest.fixture
def following(files: Files) -> auth.Verifier:
    return auth.Verifier.from_file(files.settings.jwks_file)


def token(key: dict[str, Any], subject: str = "ann") -> str:
    return auth.Signer(key, 600).sign(subject, Role.CUSTOMER)


def test_a_new_key_is_taken_with_its_first_token(files: Files, following: auth.Verifier) -> None:
    with pytest.raises(errors.InvalidToken):
        following.verify(token(NEW))
    files.publish(OLD, NEW)
    assert following.verify(token(NEW)).id == "ann"
    assert following.verify(token(OLD)).id == "ann"


def test_tokens_of_unknown_keys_do_not_have_the_file_read(
    files: Files, following: auth.Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_: Any, **__: Any) -> str:
        raise AssertionError("the file has not changed")

    monkeypatch.setattr(Path, "read_text", read)
    for _ in range(100):
        with pytest.raises(errors.InvalidToken):
            following.verify(token(NEW))


async def test_a_key_that_was_withdrawn_is_refused_with_what_was_found_good(
    files: Files, following: auth.Verifier
) -> None:
    known = token(OLD)
    following.verify(known)
    files.publish(NEW)
    following.verify(known)  # nobody has looked yet
    await following.follow()
    with pytest.raises(errors.InvalidToken):
        following.verify(known)


async def test_a_key_ends_when_it_says_so(
    files: Files, following: auth.Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    files.publish({**OLD, "exp": int(now) + 60}, NEW)
    await following.follow()
    known = token(OLD)
    following.verify(known)
    assert [key["kid"] for key in following.public_keys] == ["user-1", "user-2"]
    monkeypatch.setattr(time, "time", lambda: now + 61)
    assert [key["kid"] for key in following.public_keys] == ["user-2"]
    await following.follow()
    with pytest.raises(errors.InvalidToken):
        following.verify(known)
    with pytest.raises(errors.InvalidToken):
        following.verify(token(OLD, "bob"))
    following.verify(token(NEW))


@pytest.mark.parametrize("text", ["", "{", '{"keys": [{}]}', "[]"])
async def test_a_file_that_is_not_whole_yet_changes_nothing(
    files: Files, following: auth.Verifier, text: str
) -> None:
    files.settings.jwks_file.write_text(text)
    await following.follow()
    following.verify(token(OLD))
    files.settings.jwks_file.unlink()
    await following.follow()
    following.verify(token(OLD))
    files.publish(NEW)
    await following.follow()
    following.verify(token(NEW))


@pytest.mark.parametrize(
    "change",
    [
        {"alg": "ES256"},
        {"alg": None},
        {"kty": "oct", "k": OLD["x"]},
        {"crv": "Ed448"},
        {"use": "enc"},
        {"d": OLD["d"]},
        {"exp": "soon"},
    ],
    ids=str,
)
async def test_a_key_for_anything_else_is_refused(
    files: Files, following: auth.Verifier, change: dict[str, Any]
) -> None:
    odd = {"keys": [{**auth.jwks([NEW])["keys"][0], **change}]}
    files.settings.jwks_file.write_text(json.dumps(odd))
    with pytest.raises(SettingsError, match="JWKS_FILE names a file without a usable key"):
        auth.Verifier.from_file(files.settings.jwks_file)
    await following.follow()
    with pytest.raises(errors.InvalidToken):
        following.verify(token(NEW))


def test_two_keys_of_one_id_are_refused(files: Files) -> None:
    files.publish(OLD, {**NEW, "kid": "user-1"})
    with pytest.raises(SettingsError, match="JWKS_FILE"):
        auth.Verifier.from_file(files.settings.jwks_file)


def test_a_signer_takes_its_new_key_and_keeps_its_secret(files: Files) -> None:
    signer = auth.Signer.for_people(files.settings)
    secret = signer.secret("sessions")
    verifier = auth.Verifier(auth.jwks([NEW]))
    with pytest.raises(errors.InvalidToken):
        verifier.verify(signer.sign("ann", Role.CUSTOMER))
    files.sign_with(NEW)
    assert verifier.verify(signer.sign("ann", Role.CUSTOMER)).id == "ann"
    assert signer.secret("sessions") == secret
    files.settings.signing_key_file.write_text("{")
    assert verifier.verify(signer.sign("ann", Role.CUSTOMER)).id == "ann"


async def test_a_service_shows_its_neighbours_a_token_of_the_key_that_signs_now(
    files: Files,
) -> None:
    """Of the key before tokens may be taken no more, however long they had to live."""
    before, after = (auth.new_key(f"service:order-{n}") for n in (1, 2))
    files.call_with(before)
    token_now = auth.ServiceToken(auth.Signer.for_neighbours(files.settings))
    first = await token_now()
    assert await token_now() == first
    files.call_with(after)
    second = await token_now()
    assert auth.Verifier(auth.jwks([after])).verify(second).id == "service:order"
    assert await token_now() == second
    # The id does not tell keys apart: somebody may have made all of them anew.
    files.call_with(again := auth.new_key("service:order-2"))
    assert auth.Verifier(auth.jwks([again])).verify(await token_now()).id == "service:order"


def test_a_file_that_has_gone_is_said_once(files: Files, following: auth.Verifier) -> None:
    files.settings.jwks_file.unlink()
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(errors.InvalidToken):
                following.verify(token(NEW))
    assert [line["event"] for line in lines] == ["keys.unreadable"]
    assert "JWKS_FILE names no file to read" in lines[0]["problem"]
