"""How long events wait, read from a page of metrics."""

import pytest

from tests.bench.lag import NoHistogram, parsed

PAGE = """
# TYPE emporium_outbox_lag_seconds histogram
emporium_outbox_lag_seconds_bucket{destination="analytics",le="0.1"} 3.0
emporium_outbox_lag_seconds_bucket{destination="analytics",le="+Inf"} 4.0
emporium_outbox_lag_seconds_bucket{destination="webhooks",le="0.1"} 1.0
emporium_outbox_lag_seconds_bucket{destination="webhooks",le="+Inf"} 6.0
"""


def test_all_labels_are_added_up() -> None:
    found = parsed(PAGE)
    assert found.count == 10
    assert found.quantile_bound(0.4) == 0.1
    assert found.quantile_bound(0.5) == float("inf")


def test_the_name_alone_is_enough() -> None:
    assert parsed('outbox_lag_seconds_bucket{le="+Inf"} 2.0\n').count == 2


def test_a_page_without_the_histogram_says_so() -> None:
    with pytest.raises(NoHistogram):
        parsed("outbox_pending 3.0\n")
