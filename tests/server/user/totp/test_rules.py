"""Recovery codes, and what becomes of an account with a second factor."""

import re

import pytest

from server.user.accounts.rules import EventType
from server.user.mail.rules import MailKind
from server.user.totp.rules import (
    RECOVERY_CODE_BYTES,
    Totp,
    TotpAlreadyEnabled,
    TotpNotBegun,
    check_begun,
    disabled,
    enabled,
    hash_of,
    recovery_codes,
)
from tests.server.user.samples import NOW, account


def test_recovery_codes_are_for_people() -> None:
    random = bytes(range(3 * RECOVERY_CODE_BYTES))
    found = recovery_codes(random)
    assert len({*found}) == 3
    assert all(re.fullmatch(r"([a-z2-7]{4}-){5}[a-z2-7]{4}", code) for code in found)


@pytest.mark.parametrize("typed", ["ABCD-efgh", "abcdefgh", " abcd efgh ", "a-b-c-d-efgh\t"])
def test_a_recovery_code_may_be_typed_in_many_ways(typed: str) -> None:
    assert hash_of(typed) == hash_of("abcd-efgh")
    assert hash_of(typed) != hash_of("abcd-efgi")


def test_only_what_was_begun_can_be_confirmed() -> None:
    begun = Totp(b"sealed", is_enabled=False)
    assert check_begun(begun) is begun
    with pytest.raises(TotpNotBegun):
        check_begun(None)
    with pytest.raises(TotpAlreadyEnabled):
        check_begun(Totp(b"sealed", is_enabled=True))


def test_an_account_gets_and_loses_it_by_a_change_that_is_told() -> None:
    user = account()
    after, event, [mail] = enabled(user, None, "event", "mail", NOW, None)
    assert event is not None
    kind = EventType.SECOND_FACTOR_CHANGED
    assert (after.totp_enabled, after.version, event.type) == (True, 2, kind)
    assert (mail.kind, mail.email) == (MailKind.TOTP_ENABLED, user.email)

    last, event, [mail] = disabled(after, None, "event", "mail", NOW, None)
    assert event is not None
    assert (last.totp_enabled, last.version, event.version) == (False, 3, 3)
    assert mail.kind is MailKind.TOTP_DISABLED
    assert disabled(user, None, "event", "mail", NOW, None) == (user, None, ())
