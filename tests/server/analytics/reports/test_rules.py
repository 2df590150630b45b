"""Which days a report covers."""

from datetime import date

import pytest

from server.analytics.reports import rules
from server.analytics.sales.rules import Period
from server.kit import errors


@pytest.mark.parametrize(
    ("first", "last", "found"),
    [
        ("", "", Period()),
        ("2010-12-01", "", Period(date(2010, 12, 1), None)),
        ("2010-12-01", "2010-12-01", Period(date(2010, 12, 1), date(2010, 12, 1))),
    ],
)
def test_a_period_may_be_open(first: str, last: str, found: Period) -> None:
    assert rules.period(first, last) == found


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        ("2010-02-30", "", "from"),
        ("", "2010-13-01", "to"),
        ("0000-01-01", "", "from"),
        ("2010-12-02", "2010-12-01", "to"),
    ],
)
def test_a_period_that_cannot_be_is_refused_by_name(first: str, last: str, field: str) -> None:
    with pytest.raises(errors.InvalidFilter) as raised:
        rules.period(first, last)
    assert [violation.field for violation in raised.value.violations] == [field]
