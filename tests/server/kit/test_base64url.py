"""Bytes as text: back again, and each in one spelling."""

import random

import pytest

from server.kit import base64url
from tests.spellings import other_spellings

CHANCE = random.Random(7)


@pytest.mark.parametrize("size", range(1, 80))
def test_bytes_come_back_from_their_one_spelling(size: int) -> None:
    raw = CHANCE.randbytes(size)
    text = base64url.encode(raw)
    assert base64url.decode(text) == raw
    assert not {*text} & {*"=+/\n"}
    for spelling in other_spellings(text).values():
        with pytest.raises(ValueError, match=r"."):
            base64url.decode(spelling)


@pytest.mark.parametrize("text", ["A", "é", "AAAA=", "====", "not base64 at all!", "\0"])
def test_what_is_no_spelling_of_anything_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        base64url.decode(text)


def test_nothing_is_nothing() -> None:
    assert base64url.decode(base64url.encode(b"")) == b""
