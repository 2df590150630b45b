"""Python's values become the contract's, or are refused before they are sent."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from emporium import Money, Role, User
from emporium.values import money, number, query, timestamp


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("2.55", "2.55"),
        (Decimal("2.55"), "2.55"),
        (Decimal("1E+2"), "100"),
        (Decimal("0.00"), "0.00"),
        (7, "7"),
    ],
)
def test_money_is_a_plain_decimal_string(amount: Money, text: str) -> None:
    assert money(amount) == text


def test_money_is_never_a_float() -> None:
    amount: Any = 2.55
    with pytest.raises(TypeError, match="float"):
        money(amount)


@pytest.mark.parametrize("amount", ["NaN", "Infinity"])
def test_money_has_an_amount(amount: str) -> None:
    with pytest.raises(ValueError, match="no amount of money"):
        money(Decimal(amount))


@given(
    some.datetimes(
        min_value=datetime(2, 1, 1),
        max_value=datetime(9998, 1, 1),
        timezones=some.timezones(),
    )
)
def test_a_moment_is_the_same_moment_afterwards(moment: datetime) -> None:
    sent = timestamp(moment)

    assert sent is not None
    assert sent.ToDatetime(tzinfo=UTC) == moment.astimezone(UTC)


def test_a_moment_needs_a_time_zone() -> None:
    naive = datetime(2024, 1, 1)

    with pytest.raises(ValueError, match="no time zone"):
        timestamp(naive)
    with pytest.raises(ValueError, match="no time zone"):
        query({"created_after": naive})


def test_a_filters_moment_may_be_a_text_a_date_or_a_datetime() -> None:
    berlin = timezone(timedelta(hours=1))
    filters = {
        "created_after": date(2024, 1, 1),
        "created_before": datetime(2024, 2, 1, 12, tzinfo=berlin),
        "placed_after": "2024-01-01",
        "email": None,
        "per_page": 5,
        "timeout_seconds": 3.0,
    }

    assert query(filters) == {
        "created_after": "2024-01-01",
        "created_before": "2024-02-01T12:00:00+01:00",
        "placed_after": "2024-01-01",
        "per_page": 5,
    }


def test_names_of_roles_and_statuses_are_in_any_case() -> None:
    assert number(Role, "staff") == Role.STAFF
    assert number(Role, Role.ADMIN) == Role.ADMIN
    assert number(User.Status, "Disabled") == User.DISABLED
    with pytest.raises(ValueError, match=r"^must be one of CUSTOMER, STAFF, ADMIN, SERVICE$"):
        number(Role, "king")
