"""Keys, signers, the verifier's memory, and a service's own token; forgeries are tried by gRPC."""

import json
from pathlib import Path
from typing import Any

import jwt
import pytest

from server.kit import auth, errors
from server.kit.context import Role
from server.settings import TOKEN_SECONDS_MAX, SettingsError, Tokens


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
    said = {"iss", "aud", "sub", "sid", "role", "iat", "exp", "jti", "account_version"}
    assert claims.keys() == said
    assert claims["exp"] - claims["iat"] == signer.lifetime_seconds
    of_key = signer.sign("ann", Role.STAFF, scopes=["b.write", "a.read"], lifetime_seconds=9)
    claims = jwt.decode(of_key, options={"verify_signature": False})
    assert claims.keys() == said | {"scope"}
    assert (claims["scope"], claims["exp"] - claims["iat"]) == ("a.read b.write", 9)
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


NOW = 1_800_000_000


def signed(key: dict[str, Any], **changes: Any) -> str:
    """A token with a good signature, whatever it says; None leaves a claim out."""
    claims = {
        "iss": "emporium",
        "aud": "emporium",
        "sub": "ann",
        "sid": "01900000-0000-7000-8000-000000000000",
        "role": "ADMIN",
        "iat": NOW,
        "exp": NOW + 600,
        "jti": "1",
        **changes,
    }
    content = json.dumps({name: value for name, value in claims.items() if value is not None})
    headers = {"kid": key["kid"], "typ": "at+jwt"}
    return jwt.PyJWS().encode(content.encode(), jwt.PyJWK(key).key, "EdDSA", headers)


ODD_CLAIMS: dict[str, dict[str, Any]] = {
    "an exp in quotes": {"exp": str(NOW + 600)},
    "an exp in words": {"exp": "string"},
    "an exp without end": {"exp": 1e300},
    "an exp of infinity": {"exp": float("inf")},
    "an exp that is no number": {"exp": float("nan")},
    "an exp of half a second": {"exp": NOW + 0.5},
    "an exp of a digit too many": {"exp": 10**400},
    "an exp of a truth": {"exp": True},
    "an exp of a list": {"exp": [NOW + 600]},
    "an exp before time": {"exp": -1},
    "an exp of tomorrow night": {"exp": NOW + TOKEN_SECONDS_MAX + 1},
    "no exp": {"exp": None},
    "an iat in quotes": {"iat": str(NOW)},
    "an iat of infinity": {"iat": float("inf")},
    "an iat to come": {"iat": NOW + 6},
    "an nbf in quotes": {"nbf": str(NOW)},
    "an nbf of infinity": {"nbf": float("inf")},
    "an nbf to come": {"nbf": NOW + 6},
    "a sub that is a number": {"sub": 7},
    "an empty sub": {"sub": ""},
    "an empty jti": {"jti": ""},
    "a jti that is a number": {"jti": 7},
    "a sid that is a number": {"sid": 7},
    "a sid that is no id": {"sid": "mine"},
    **{f"no {name}": {name: None} for name in ("iss", "aud", "sub", "sid", "role", "iat", "jti")},
    "a role that is a list": {"role": ["ADMIN"]},
    "a role in small letters": {"role": "admin"},
    "an aud that is a number": {"aud": 7},
    "an iss that is a list": {"iss": ["emporium"]},
}


@pytest.mark.parametrize("name", ODD_CLAIMS)
def test_a_good_signature_makes_no_sense_of_an_odd_claim(name: str, clock: Clock) -> None:
    clock.now = NOW
    key = auth.new_key("user-1")
    verifier = auth.Verifier(auth.jwks([key]))
    assert verifier.verify(signed(key)).role is Role.ADMIN
    for _ in range(2):  # also when it has been seen
        with pytest.raises(errors.InvalidToken) as raised:
            verifier.verify(signed(key, **ODD_CLAIMS[name]))
        assert raised.value.reason == "INVALID_TOKEN"


def test_a_token_ends_when_it_says_give_or_take_some_seconds(clock: Clock) -> None:
    key = auth.new_key("user-1")
    token = signed(key)
    for now, ends in ((NOW - 5, False), (NOW + 605, False), (NOW + 606, True)):
        clock.now = now
        verifier = auth.Verifier(auth.jwks([key]))
        if ends:
            with pytest.raises(errors.TokenExpired):
                verifier.verify(token)
        else:
            assert verifier.verify(token).expires_at == NOW + 600


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
    (tmp_path / "secret.json").write_text(json.dumps({"secret": "s" * 43}))
    files = Tokens(signing_key_file=tmp_path / "user.json", secret_file=tmp_path / "secret.json")
    signer = auth.Signer.for_people(files)
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
    with pytest.raises(SettingsError, match="SIGNING_KEY_FILE names"):
        auth.Signer.for_people(Tokens(signing_key_file=path))
    with pytest.raises(SettingsError, match="SERVICE_KEY_FILE names"):
        auth.Signer.for_neighbours(Tokens(service_key_file=path))
    with pytest.raises(SettingsError, match="JWKS_FILE names"):
        auth.Verifier.from_file(path)
