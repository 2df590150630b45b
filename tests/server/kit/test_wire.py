"""Moments and money between Python and the wire."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from server.kit import errors
from server.kit.wire import fields_of_mask, moment, money, timestamp


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_survives_the_wire(at: datetime) -> None:
    assert moment(timestamp(at), "at") == at


@given(st.datetimes(timezones=st.just(UTC)))
def test_the_fast_way_says_what_the_librarys_says(at: datetime) -> None:
    slow = Timestamp()
    slow.FromDatetime(at)
    assert timestamp(at) == slow


def test_a_moment_of_another_zone_is_the_same_moment() -> None:
    at = datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=9)))
    assert moment(timestamp(at), "at") == at


def test_a_moment_without_a_zone_is_no_moment() -> None:
    with pytest.raises(TypeError):
        timestamp(datetime(2024, 1, 2))


@pytest.mark.parametrize(
    "sent",
    [
        Timestamp(seconds=-62_135_596_801),  # a second before the year 1
        Timestamp(seconds=253_402_300_800),  # the year 10000
        Timestamp(seconds=2**62),
        Timestamp(nanos=-1),
        Timestamp(nanos=1_000_000_000),
    ],
)
def test_what_no_calendar_has_is_refused_by_name(sent: Timestamp) -> None:
    with pytest.raises(errors.Invalid) as refused:
        moment(sent, "order_date")
    assert [violation.field for violation in refused.value.violations] == ["order_date"]


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("0", "GBP", "0.00"),
        ("12.5", "USD", "12.50"),
        ("-0.01", "GBP", "-0.01"),
        ("125", "JPY", "125"),
        ("125.0000", "JPY", "125"),
        ("1E+3", "JPY", "1000"),
        ("1.25", "KWD", "1.250"),
        ("0.0001", "CLF", "0.0001"),
        ("99999999999999.9900", "GBP", "99999999999999.99"),
        ("99999999999999.9999", "UYW", "99999999999999.9999"),
        ("1.2", "QQQ", "1.20"),  # no currency now, if it ever was
        ("125.5000", "JPY", "125.5"),  # sold before decimals went by the currency
    ],
)
def test_money_has_the_decimals_of_its_currency_and_is_never_rounded(
    amount: str, currency: str, text: str
) -> None:
    assert money(Decimal(amount), currency) == text


CLEARABLE = {"age"}
NOTHING = {"email": None, "age": None}


@pytest.mark.parametrize(
    ("mask", "present", "sets"),
    [
        ([], NOTHING, {}),
        ([], {"email": None, "age": 30}, {"age": 30}),
        (["age"], {"email": None, "age": 30}, {"age": 30}),
        (["age"], NOTHING, {"age": None}),
        (["email"], {"email": "ann@example.com", "age": 30}, {"email": "ann@example.com"}),
        (
            ["email", "age"],
            {"email": "a@b.example", "age": None},
            {"email": "a@b.example", "age": None},
        ),
    ],
)
def test_a_mask_says_what_is_set_and_what_is_cleared(
    mask: list[str], present: dict[str, Any], sets: dict[str, Any]
) -> None:
    assert fields_of_mask(mask, present, CLEARABLE) == sets


@pytest.mark.parametrize("name", ["email", "shoe_size", "age.years", "*", ""])
def test_a_mask_names_only_fields_that_can_be_set_or_cleared(name: str) -> None:
    with pytest.raises(errors.InvalidUpdateMask) as refused:
        fields_of_mask(["age", name], NOTHING, CLEARABLE)
    # A field of ours may be named, and what is none is the caller's word.
    assert (f"'{name}'" in refused.value.message) is (name == "email")
    assert refused.value.violations[0].field == "update_mask"
