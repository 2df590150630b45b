"""Keys, signers, the verifier's memory, and a service's own token; forgeries are tried by gRPC."""

import json
from pathlib import Path

import jwt
import pytest

from server.kit import auth, errors
from server.kit.context import Role
from server.settings import SettingsError


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr("server.kit.auth.signing.time.time", made)
    return made


def test_a_public_key_set_holds_no_secret() -> None:
    key = auth.new_key("user-1")
    (public,) = auth.jwks([key])["keys"]
    assert "d" in key
    assert "d" not in public
    assert (public["kid"], public["alg"], public["use"]) == ("user-1", "EdDSA", "sig")


def test_a_token_says_what_it_is(signer: auth.Signer) -> None:
    token = signer.sign("ann", Role.STAFF)
    assert jwt.get_unverified_header(token) == {"alg": "EdDSA", "kid": "user-1", "typ": "at+jwt"}
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims.keys() == {"iss", "aud", "sub", "role", "iat", "exp", "jti"}
    assert claims["exp"] - claims["iat"] == signer.lifetime_seconds
    assert claims["jti"] not in signer.sign("ann", Role.STAFF)


def test_a_secret_is_the_same_every_time_and_another_for_each_purpose_and_key(
    signer: auth.Signer, service_signer: auth.Signer
) -> None:
    assert signer.secret("one") == signer.secret("one")
    assert len({signer.secret("one"), signer.secret("two"), service_signer.secret("one")}) == 3
    assert len(signer.secret("one")) == 32


def test_a_verified_token_is_remembered(signer: auth.Signer) -> None:
    verifier = auth.Verifier(auth.jwks([signer.public_key]))
    token = signer.sign("ann", Role.CUSTOMER)
    assert verifier.verify(token) is verifier.verify(token)


def test_a_remembered_token_expires_all_the_same(signer: auth.Signer) -> None:
    verifier = auth.Verifier(auth.jwks([signer.public_key]))
    token = signer.sign("ann", Role.CUSTOMER)
    caller = verifier.verify(token)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("server.kit.auth.verification.time.time", lambda: caller.expires_at + 4)
        assert verifier.verify(token) is caller
        patch.setattr("server.kit.auth.verification.time.time", lambda: caller.expires_at + 6)
        with pytest.raises(errors.TokenExpired):
            verifier.verify(token)


def test_the_memory_is_bounded(signer: auth.Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.kit.auth.verification._CACHE_SIZE_MAX", 3)
    verifier = auth.Verifier(auth.jwks([signer.public_key]))
    tokens = [signer.sign(f"user-{n}", Role.CUSTOMER) for n in range(10)]
    assert [verifier.verify(token).id for token in tokens] == [f"user-{n}" for n in range(10)]
    assert len(verifier._callers) <= 3


def test_a_refused_token_is_not_remembered(verifier: auth.Verifier) -> None:
    before = len(verifier._callers)
    with pytest.raises(errors.InvalidToken):
        verifier.verify("nonsense")
    assert len(verifier._callers) == before


def test_two_keys_are_good_at_once_so_that_they_can_be_changed() -> None:
    old, new = (auth.Signer(auth.new_key(f"user-{n}"), 600) for n in (1, 2))
    verifier = auth.Verifier(auth.jwks([old.public_key, new.public_key]))
    for signer in (old, new):
        assert verifier.verify(signer.sign("ann", Role.ADMIN)).role is Role.ADMIN


async def test_a_services_token_is_renewed_half_way(
    service_signer: auth.Signer, verifier: auth.Verifier, clock: Clock
) -> None:
    token = auth.ServiceToken(service_signer)
    first = await token()
    clock.now += service_signer.lifetime_seconds / 2 - 1
    assert await token() == first
    clock.now += 2
    second = await token()
    assert second != first
    claims = jwt.decode(second, options={"verify_signature": False})
    assert (claims["sub"], claims["role"]) == ("service:order", "SERVICE")


def test_keys_are_read_from_files(tmp_path: Path) -> None:
    key = auth.new_key("user-1")
    (tmp_path / "user.json").write_text(json.dumps(key))
    (tmp_path / "jwks.json").write_text(json.dumps(auth.jwks([key])))
    signer = auth.Signer.from_file(tmp_path / "user.json", 60)
    verifier = auth.Verifier.from_file(tmp_path / "jwks.json")
    assert verifier.verify(signer.sign("ann", Role.CUSTOMER)).id == "ann"


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[]", "{}", '{"kid": "user-1"}', '{"keys": [{}]}', '{"keys": 7}'],
)
def test_a_file_without_a_usable_key_is_named(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "odd.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(SettingsError, match=r"odd\.json holds no usable key"):
        auth.Signer.from_file(path, 60)
    with pytest.raises(SettingsError, match=r"odd\.json holds no usable key"):
        auth.Verifier.from_file(path)
