"""Codes of apps: by the test vectors of RFC 6238, appendix B, and how long each is good."""

from base64 import b32encode
from datetime import UTC, datetime

import pytest

from server.user.totp.codes import new_secret, otpauth_uri, step_of

SECRET = b32encode(b"12345678901234567890").decode()
# Its codes have eight digits; six are the last six of them.
VECTORS = [
    (1111111109, "081804"),
    (1234567890, "005924"),
    (2000000000, "279037"),
    (20000000000, "353130"),
]


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_a_code_is_good_for_a_step_before_and_after_its_own(seconds: int, code: str) -> None:
    step = seconds // 30
    for moment in (30 * (step - 1), seconds, 30 * (step + 2) - 0.001):
        assert step_of(code, SECRET, at(moment)) == step
    for moment in (30 * (step - 1) - 0.001, 30 * (step + 2)):
        assert step_of(code, SECRET, at(moment)) is None


@pytest.mark.parametrize("code", ["", "28708", "2870821", "287083", "۲۸۷۰۸۲"])
def test_what_is_no_code_is_none(code: str) -> None:
    assert step_of(code, SECRET, at(59)) is None
    assert step_of("287082", SECRET, at(59)) == 1


def test_secrets_are_random_and_long() -> None:
    made = {new_secret() for _ in range(10)}
    assert len(made) == 10
    assert all(len(secret) == 32 for secret in made)


def test_an_app_reads_whose_and_which_secret_it_is() -> None:
    uri = otpauth_uri(SECRET, "ann+1@example.com", "Ann & Sons")
    assert uri.startswith("otpauth://totp/Ann%20%26%20Sons:ann%2B1%40example.com?")
    assert f"secret={SECRET}" in uri
    assert "issuer=Ann%20%26%20Sons" in uri
