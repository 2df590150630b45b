"""Which acts end what tokens open, and what they leave."""

import pytest

from server.kit.context import Role
from server.user.revocations.rules import Revocation, account_changed, sessions_ended

ANN = "01900000-0000-7000-8000-000000000000"


@pytest.mark.parametrize("role", [*Role, None])
def test_what_leaves_the_role_is_not_told(role: Role | None) -> None:
    assert account_changed(ANN, 2, role, role) is None


@pytest.mark.parametrize("before", [Role.ADMIN, None])
def test_another_role_is_told_and_ends_no_session(before: Role | None) -> None:
    told = Revocation(ANN, account_version=2, role=Role.CUSTOMER)
    assert account_changed(ANN, 2, before, Role.CUSTOMER) == told


def test_who_may_act_no_more_has_no_sessions() -> None:
    assert account_changed(ANN, 2, Role.STAFF, None) == Revocation(
        ANN, account_version=2, ends_sessions=True
    )


@pytest.mark.parametrize("spared", [None, "one"])
def test_where_sessions_end_one_may_be_spared(spared: str | None) -> None:
    told = sessions_ended(ANN, 2, Role.STAFF, spared)
    assert told == Revocation(ANN, None, 2, Role.STAFF, ends_sessions=True, spared_session=spared)
