"""Secrets at rest."""

import pytest

from server.kit.auth.sealing import Sealing, Unreadable

SEALING = Sealing(b"k" * 32)


def test_what_is_sealed_can_be_opened_and_shows_nothing() -> None:
    sealed = SEALING.seal("a secret", "ann")
    assert SEALING.open(sealed, "ann") == "a secret"
    assert b"a secret" not in sealed
    assert SEALING.seal("a secret", "ann") != sealed


@pytest.mark.parametrize("changed", [lambda it: b"", lambda it: it[:-1], lambda it: it[:-1] + b"x"])
def test_what_was_changed_cannot(changed: "object") -> None:
    assert callable(changed)
    with pytest.raises(Unreadable):
        SEALING.open(changed(SEALING.seal("a secret", "ann")), "ann")


def test_neither_another_account_nor_another_key_opens_it() -> None:
    sealed = SEALING.seal("a secret", "ann")
    with pytest.raises(Unreadable):
        SEALING.open(sealed, "bob")
    with pytest.raises(Unreadable):
        Sealing(b"x" * 32).open(sealed, "ann")
