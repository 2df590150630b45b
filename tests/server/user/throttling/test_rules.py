"""Whose failures count together, and when there are too many."""

from datetime import timedelta

import pytest

from server.user.throttling.rules import (
    Failures,
    Kind,
    Limits,
    Source,
    TooManyFailures,
    check_failures,
    network_of,
    sources_of_login,
)
from tests.server.user.samples import NOW

SOON = NOW + timedelta(seconds=1.5)


def test_a_login_counts_for_its_email_in_any_case_and_its_address() -> None:
    found = sources_of_login("Ann@Example.com", "192.0.2.7", None)
    assert found == [Source(Kind.EMAIL, "ann@example.com"), Source(Kind.ADDRESS, "192.0.2.7")]
    assert sources_of_login("ann@example.com", "", None) == found[:1]


def test_a_login_from_a_known_device_counts_for_that_alone() -> None:
    assert sources_of_login("a@b.c", "192.0.2.7", b"id") == [Source(Kind.DEVICE, b"id")]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
    ],
)
def test_an_address_counts_as_what_one_attacker_has(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_source_is_stored_as_what_nobody_can_read() -> None:
    source = Source(Kind.EMAIL, "ann@example.com")
    assert len(source.key(b"secret")) == 32
    keys = {each.key(b"secret") for each in (source, Source(Kind.CALLER, source.value))}
    assert len({*keys, source.key(b"another")}) == 3


@pytest.mark.parametrize(
    ("counts", "seconds"), [([3], 2), ([4], 2), ([1, 3], 2), ([2], 0), ([], 0)]
)
def test_failures_end_at_their_limit(counts: list[int], seconds: int) -> None:
    found = [(Failures(count, SOON), 3) for count in counts]
    if not seconds:
        check_failures(found, NOW)
        return
    with pytest.raises(TooManyFailures) as refused:
        check_failures(found, NOW)
    assert refused.value.retry_after_seconds == seconds


def test_an_address_has_a_limit_of_its_own() -> None:
    limits = Limits(3, 20, timedelta(seconds=900))
    assert [limits.of(Source(kind, "")) for kind in Kind] == [3, 20, 3, 3]
