"""What an API key is, and what proves that one has it."""

import re
import string
import zlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.user.api_keys.rules import (
    KEYS_MAX,
    ApiKey,
    InvalidClient,
    InvalidScope,
    Known,
    NewApiKey,
    TooManyApiKeys,
    check_room,
    check_secret,
    granted,
    hash_of,
    is_use_to_note,
    make,
    seconds_of_token,
    secret_of,
)
from tests.server.user.samples import account

NOW = datetime(2026, 5, 17, 12, tzinfo=UTC)
ID = "01900000-0000-7000-8000-000000000000"
SECRET = secret_of(ID, b"\x07" * 32)
KEY = ApiKey(ID, ID, "ERP", ("orders.read", "orders.write"), NOW, NOW + timedelta(days=1))


def key_id_in(secret: str) -> str | None:
    """The id of the key, as a scanner reads it that knows a secret from what looks like one."""
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    number = 0
    if not re.fullmatch("emp_[0-9A-Za-z]{70}", secret):
        return None
    for digit in secret.removeprefix("emp_"):
        number = number * len(digits) + digits.index(digit)
    if number.bit_length() > 8 * 52:
        return None
    raw = number.to_bytes(52)
    return str(UUID(bytes=raw[:16])) if zlib.crc32(raw[:48]).to_bytes(4) == raw[48:] else None


@given(st.uuids(), st.binary(min_size=32, max_size=32))
def test_a_secret_is_letters_and_digits_and_names_its_key(key_id: object, random: bytes) -> None:
    secret = secret_of(str(key_id), random)
    assert re.fullmatch("emp_[0-9A-Za-z]{70}", secret)
    assert key_id_in(secret) == str(key_id)


def test_a_secret_with_one_character_changed_is_none() -> None:
    for at in range(len(SECRET)):
        for other in "0Zz_":
            changed = SECRET[:at] + other + SECRET[at + 1 :]
            assert changed == SECRET or key_id_in(changed) is None


@pytest.mark.parametrize(
    "text", ["", "emp_", SECRET[:-1], SECRET + "0", "emp_" + "z" * 70, "emp_" + "é" * 70]
)
def test_what_never_was_a_secret_is_none(text: str) -> None:
    assert key_id_in(text) is None


def test_a_key_ends_after_as_many_days_as_were_asked_for() -> None:
    new = NewApiKey("ERP", ("orders.write", "orders.read"), 7)
    owner = account(id=ID)
    assert make(new, owner, ID, NOW) == replace(KEY, expires_at=NOW + timedelta(days=7))
    assert make(new, replace(owner, totp_enabled=True), ID, NOW).with_second_factor
    assert make(replace(new, days=None), owner, ID, NOW).expires_at == NOW + timedelta(days=90)


def test_the_right_secret_opens_until_the_key_ends() -> None:
    known = Known(KEY, hash_of(SECRET))
    assert check_secret(known, SECRET, NOW) == KEY
    last = KEY.expires_at - timedelta(microseconds=1)
    assert check_secret(known, SECRET, last) == KEY
    for found, secret, now in (
        (known, SECRET, KEY.expires_at),
        (known, secret_of(ID, b"\x08" * 32), NOW),
        (None, SECRET, NOW),
    ):
        with pytest.raises(InvalidClient):
            check_secret(found, secret, now)


def test_a_token_reaches_as_far_as_is_asked_and_no_further_than_the_key() -> None:
    assert granted(KEY, "") == KEY.scopes
    assert granted(KEY, "orders.read  orders.read") == ("orders.read",)
    with pytest.raises(InvalidScope) as raised:
        granted(KEY, "orders.read users.read")
    assert raised.value.message.endswith("than orders.read orders.write")


def test_a_token_is_good_for_minutes_and_never_longer_than_its_key() -> None:
    assert seconds_of_token(KEY, NOW, 600) == 300
    assert seconds_of_token(KEY, NOW, 60) == 60
    assert seconds_of_token(KEY, KEY.expires_at - timedelta(seconds=9), 600) == 9


def test_a_use_is_noted_once_a_minute() -> None:
    assert is_use_to_note(KEY, NOW)
    assert not is_use_to_note(replace(KEY, last_used_at=NOW), NOW + timedelta(seconds=59))
    assert is_use_to_note(replace(KEY, last_used_at=NOW), NOW + timedelta(seconds=60))


def test_an_account_has_a_bounded_number_of_keys() -> None:
    check_room(KEYS_MAX - 1)
    with pytest.raises(TooManyApiKeys):
        check_room(KEYS_MAX)
