"""Refresh tokens as bytes."""

import uuid

import pytest

from server.kit import base64url, errors
from server.user.sessions.rules import SECRET_BYTES, RefreshTokens
from tests.spellings import other_spellings

SESSION, USER = str(uuid.uuid4()), str(uuid.uuid4())
TOKENS = RefreshTokens(b"a secret")
FIRST = TOKENS.first(SESSION, USER, b"r" * SECRET_BYTES)


def test_a_token_is_read_as_it_was_written() -> None:
    text = TOKENS.write(FIRST)
    assert TOKENS.read(text) == FIRST
    assert (FIRST.session_id, FIRST.user_id, len(text)) == (SESSION, USER, 107)


def test_the_successor_is_the_same_every_time_and_belongs_to_the_same_session() -> None:
    second = TOKENS.successor(FIRST)
    assert second == TOKENS.successor(TOKENS.read(TOKENS.write(FIRST)))
    assert (second.session_id, second.user_id) == (SESSION, USER)
    assert len({FIRST.hash, second.hash, TOKENS.successor(second).hash}) == 3


def test_nobody_without_the_secret_knows_the_successor() -> None:
    assert RefreshTokens(b"another").successor(FIRST) != TOKENS.successor(FIRST)


@pytest.mark.parametrize("place", range(0, 80, 8))
def test_a_token_that_was_changed_is_none(place: int) -> None:
    raw = bytearray(base64url.decode(TOKENS.write(FIRST)))
    raw[place] ^= 1
    with pytest.raises(errors.InvalidToken):
        TOKENS.read(base64url.encode(bytes(raw)))


@pytest.mark.parametrize(
    "text",
    ["x", "nonsense", "é" * 20, "=" * 4, TOKENS.write(FIRST)[:-4], TOKENS.write(FIRST) + "AAAA"],
)
def test_nonsense_is_no_token(text: str) -> None:
    with pytest.raises(errors.InvalidToken):
        TOKENS.read(text)


@pytest.mark.parametrize("number", range(16))
def test_another_spelling_of_a_token_is_none(number: int) -> None:
    text = TOKENS.write(TOKENS.first(SESSION, USER, bytes([number]) * SECRET_BYTES))
    for spelling in other_spellings(text).values():
        with pytest.raises(errors.InvalidToken):
            TOKENS.read(spelling)


def test_the_token_of_another_secret_is_none() -> None:
    with pytest.raises(errors.InvalidToken):
        TOKENS.read(RefreshTokens(b"another").write(FIRST))


def test_there_is_no_secret_that_everybody_knows() -> None:
    with pytest.raises(ValueError, match="secret"):
        RefreshTokens(b"")
