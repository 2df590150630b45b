"""Which changes of an account end what it has given out: mailed links, and sessions."""

from datetime import UTC, datetime
from typing import Any

import pytest

from server.kit import errors
from server.kit.context import Caller, Role
from server.user.accounts.rules import Change, EventType, Status, changed
from server.user.accounts.rules.credentials import credentials_changed, password_changed
from server.user.accounts.rules.proof import verified
from server.user.mail.rules import MailKind
from tests.server.user.samples import account

LATER = datetime(2026, 5, 18, tzinfo=UTC)
OPERATOR = Caller("operator", Role.ADMIN, 0)


@pytest.mark.parametrize(
    ("fields", "ends_links", "ends_sessions"),
    [
        ({"email": "ann.other@example.com"}, True, False),
        ({"role": Role.STAFF}, True, False),
        ({"status": Status.DISABLED}, True, True),
        ({"full_name": "Ann Other", "age": 33}, False, False),
    ],
)
def test_a_change_ends_what_it_makes_wrong(
    fields: dict[str, Any], ends_links: bool, ends_sessions: bool
) -> None:
    was = account(version=6, spared_session="one")
    after = changed(was, Change(fields, ""), "event", LATER, by=OPERATOR).user
    assert after.links_since == (7 if ends_links else 0)
    assert after.sessions_since == (7 if ends_sessions else 0)
    assert after.spared_session == (None if ends_sessions else "one")


def test_a_reinstatement_gives_nothing_back() -> None:
    was = account(version=7, status=Status.DISABLED, links_since=7, sessions_since=7)
    after = changed(was, Change({"status": Status.ACTIVE}, ""), "event", LATER, by=OPERATOR).user
    assert (after.links_since, after.sessions_since) == (8, 7)


def test_a_verified_address_ends_links_when_it_is_another() -> None:
    was = account(version=6, email_verified=False)
    assert verified(was, was.email, "event", "mail", LATER).user.links_since == 0
    assert verified(was, "ann.other@example.com", "event", "mail", LATER).user.links_since == 7


@pytest.mark.parametrize("session", ["one", ""])
def test_a_new_password_ends_all_but_the_session_that_set_it(session: str) -> None:
    by = Caller("ann", Role.CUSTOMER, 0, session, account_version=6) if session else None
    after, event, mails = password_changed(account(version=6), by, "event", "mail", LATER)
    assert (after.version, after.links_since, after.sessions_since) == (7, 7, 7)
    assert after.spared_session == (session or None)
    assert event
    assert event.type is EventType.PASSWORD_CHANGED
    assert [(mail.kind, mail.email) for mail in mails] == [(MailKind.PASSWORD_CHANGED, after.email)]


@pytest.mark.parametrize(
    ("session", "version", "goes_on"),
    [("one", 5, True), ("other", 5, False), ("other", 6, True)],
)
def test_a_session_that_another_act_has_ended_meanwhile_changes_nothing(
    session: str, version: int, goes_on: bool
) -> None:
    was = account(version=8, sessions_since=6, spared_session="one")
    by = Caller(was.id, Role.CUSTOMER, 0, session, account_version=version)
    other_email = Change({"email": "ann.other@example.com"}, "")
    if goes_on:
        assert credentials_changed(was, by, LATER).spared_session == session
        assert changed(was, other_email, "event", LATER, by=by, mail_ids=("one", "two")).mails
    else:
        with pytest.raises(errors.SessionEnded):
            credentials_changed(was, by, LATER)
        with pytest.raises(errors.SessionEnded):
            changed(was, other_email, "event", LATER, by=by, mail_ids=("one", "two"))
