"""What the one caller's account says of us."""

import pytest

from tests.campaign.neighbours.worst import Account


@pytest.mark.parametrize("outcome", ["500", "503", "504", "grpc 13", "grpc 14"])
def test_a_single_fault_of_ours_counts(outcome: str) -> None:
    assert Account({"200": 1000, outcome: 1}).has_faults


@pytest.mark.parametrize("outcome", ["200", "429", "413", "grpc 0", "grpc 8", "opened", "lost"])
def test_a_refusal_does_not(outcome: str) -> None:
    assert not Account({outcome: 1000}).has_faults
