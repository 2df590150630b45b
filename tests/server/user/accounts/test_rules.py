"""Who may open what, and what may become of it."""

import uuid
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from server.kit import errors
from server.kit.context import Caller, Role
from server.user.accounts import rules
from server.user.accounts.rules import Change, EventType, Status, UserEvent
from server.user.accounts.rules.opening import (
    NewUser,
    PasswordOfAnother,
    PasswordRequired,
    open_account,
)

NOW = datetime(2026, 5, 17, tzinfo=UTC)
LATER = datetime(2026, 5, 18, tzinfo=UTC)
ID = str(uuid.UUID(int=1))
EVENT_ID = str(uuid.UUID(int=2))


def caller(role: Role | None) -> Caller | None:
    return Caller("id", role, 0) if role else None


def new(role: Role = Role.CUSTOMER, *, has_password: bool = True) -> NewUser:
    return NewUser("ann@example.com", "Ann", None, role, has_password)


@pytest.mark.parametrize(
    ("by", "asked", "has_password", "refusal"),
    [
        (None, Role.CUSTOMER, True, None),
        (None, Role.CUSTOMER, False, PasswordRequired),
        (None, Role.STAFF, True, rules.RoleNotAllowed),
        (Role.CUSTOMER, Role.CUSTOMER, False, PasswordRequired),
        (Role.STAFF, Role.CUSTOMER, False, None),
        (Role.STAFF, Role.STAFF, True, rules.RoleNotAllowed),
        (Role.ADMIN, Role.ADMIN, True, PasswordOfAnother),
        (Role.ADMIN, Role.ADMIN, False, None),
        (Role.ADMIN, Role.STAFF, False, None),
    ],
)
def test_who_may_open_what(
    by: Role | None, asked: Role, has_password: bool, refusal: type[Exception] | None
) -> None:
    def opened() -> rules.User:
        return open_account(
            new(asked, has_password=has_password), caller(by), ID, EVENT_ID, NOW
        ).user

    if refusal:
        with pytest.raises(refusal):
            opened()
    else:
        assert (opened().role, opened().status) == (asked, Status.ACTIVE)


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({}, errors.NothingToUpdate),
        ({"age": None}, None),
        ({"role": Role.ADMIN}, rules.RoleNotAllowed),
        ({"status": Status.DISABLED, "age": 30}, rules.RoleNotAllowed),
    ],
)
def test_what_only_an_admin_may_change(
    fields: dict[str, Any], refusal: type[Exception] | None
) -> None:
    with pytest.raises(refusal) if refusal else nullcontext():
        rules.check_change(Change(fields, etag=""))


def test_a_change_bumps_the_etag_and_keeps_the_rest() -> None:
    user, *_ = open_account(new(), None, ID, EVENT_ID, NOW)
    after, *_ = rules.changed(user, Change({"full_name": "Ann Other"}, user.etag), EVENT_ID, LATER)
    assert (after.full_name, after.updated_at, after.created_at) == ("Ann Other", LATER, NOW)
    assert after.etag != user.etag
    with pytest.raises(errors.Outdated):
        rules.changed(after, Change({"full_name": "Ann"}, user.etag), EVENT_ID, LATER)
    with pytest.raises(errors.Outdated):
        rules.erased(after, user.etag, EVENT_ID, LATER)


def test_every_change_is_told_under_the_version_that_it_makes() -> None:
    user, created, _ = open_account(new(), None, ID, EVENT_ID, NOW, "trace")
    assert created == UserEvent(EVENT_ID, EventType.CREATED, user, 1, NOW, "trace")
    after, updated, _ = rules.changed(user, Change({"age": 40}, ""), EVENT_ID, LATER, "trace")
    assert updated == UserEvent(EVENT_ID, EventType.UPDATED, after, 2, LATER, "trace")
    erased = rules.erased(after, "", EVENT_ID, LATER, "trace")
    assert erased == UserEvent(EVENT_ID, EventType.ERASED, after, 3, LATER, "trace")


@pytest.mark.parametrize(
    ("role", "status", "own", "fields", "is_allowed"),
    [
        (Role.ADMIN, Status.ACTIVE, True, {"role": Role.CUSTOMER}, True),
        (Role.CUSTOMER, Status.ACTIVE, True, {"role": Role.ADMIN}, False),
        (Role.STAFF, Status.ACTIVE, True, {"status": Status.ACTIVE}, False),
        (Role.ADMIN, Status.DISABLED, True, {"status": Status.ACTIVE}, False),
        (Role.CUSTOMER, Status.ACTIVE, True, {"full_name": "Ann Other"}, True),
        (Role.CUSTOMER, Status.DISABLED, False, {"status": Status.ACTIVE}, True),
    ],
)
def test_who_changes_his_own_role_is_judged_by_the_account_that_is_changed(
    role: Role, status: Status, own: bool, fields: dict[str, Any], is_allowed: bool
) -> None:
    opened = open_account(new(), None, ID, EVENT_ID, NOW).user
    account = replace(opened, role=role, status=status)
    by = Caller(ID if own else EVENT_ID, Role.ADMIN, 0)  # as he was when he was let in
    if is_allowed:
        assert rules.changed(account, Change(fields, ""), EVENT_ID, LATER, by=by)
    else:
        with pytest.raises(rules.RoleNotAllowed):
            rules.changed(account, Change(fields, ""), EVENT_ID, LATER, by=by)


def test_what_an_account_has_already_is_no_change() -> None:
    user = open_account(new(), None, ID, EVENT_ID, NOW).user
    same = Change({"full_name": user.full_name, "age": None}, user.etag)
    assert rules.changed(user, same, EVENT_ID, LATER) == (user, None, ())
