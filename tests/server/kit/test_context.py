"""Whose resources a caller may reach."""

import pytest

from server.kit.context import Caller, Context, Role


def called_by(role: Role | None) -> Context:
    context = Context({}, time_remaining=None)
    context.caller = Caller("ann", role, expires_at=0) if role else None
    return context


@pytest.mark.parametrize(
    ("role", "scope"),
    [(Role.CUSTOMER, "ann"), (Role.STAFF, None), (Role.ADMIN, None), (Role.SERVICE, None)],
)
def test_customers_reach_their_own_and_the_others_everybodys(role: Role, scope: str | None) -> None:
    assert called_by(role).owner_scope == scope


def test_nobody_reaches_nothing() -> None:
    with pytest.raises(AssertionError, match="access rule"):
        _ = called_by(None).owner_scope
