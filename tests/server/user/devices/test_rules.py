"""Tokens of devices: whose they are, and how long they are good."""

from datetime import timedelta

import pytest

from server.user.devices.rules import ID_BYTES, LIFETIME, DeviceTokens
from tests.server.user.samples import NOW
from tests.spellings import other_spellings

DEVICE = bytes(range(ID_BYTES))
TOKENS = DeviceTokens(b"a secret")
GOOD = TOKENS.write(DEVICE, "ann", b"hash", NOW)


def test_a_token_names_its_device() -> None:
    assert TOKENS.read(GOOD, "ann", b"hash", NOW) == DEVICE
    last = NOW + LIFETIME - timedelta(seconds=1)
    assert TOKENS.read(GOOD, "ann", b"hash", last) == DEVICE


@pytest.mark.parametrize(
    ("user_id", "password_hash", "later"),
    [
        ("bob", b"hash", timedelta()),
        ("ann", b"another", timedelta()),
        ("ann", b"hash", LIFETIME),
        ("ann", None, timedelta()),
        (None, None, timedelta()),
    ],
)
def test_it_is_good_for_its_account_password_and_time_alone(
    user_id: str | None, password_hash: bytes | None, later: timedelta
) -> None:
    assert TOKENS.read(GOOD, user_id, password_hash, NOW + later) is None


@pytest.mark.parametrize(
    "text", ["", "nonsense", "é", "A" * 75, "A" * 128, GOOD[:-1], GOOD[:-2] + "AA", "B" + GOOD[1:]]
)
def test_what_nobody_signed_is_none(text: str) -> None:
    assert TOKENS.read(text, "ann", b"hash", NOW) is None


@pytest.mark.parametrize("spelling", other_spellings(GOOD).values(), ids=other_spellings(GOOD))
def test_another_spelling_of_a_token_is_none(spelling: str) -> None:
    assert TOKENS.read(spelling, "ann", b"hash", NOW) is None


def test_nobody_without_an_account_has_a_device() -> None:
    """Also not by a token that was made for none."""
    assert TOKENS.read(TOKENS.write(DEVICE, "", b"", NOW), None, None, NOW) is None


def test_another_secret_makes_other_tokens() -> None:
    assert DeviceTokens(b"another").read(GOOD, "ann", b"hash", NOW) is None
    with pytest.raises(ValueError, match="need a secret"):
        DeviceTokens(b"")
