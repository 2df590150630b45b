"""That turns come at most so often."""

import pytest

from tests.campaign.crowd.turns import Turns


def test_a_turn_is_taken_at_once_and_the_next_is_waited_for() -> None:
    turns = Turns(2)
    assert turns.is_free(10.0)
    assert turns.take(10.0) == 0
    assert not turns.is_free(10.4)
    assert turns.take(10.4) == pytest.approx(0.1)
    assert turns.take(10.4) == pytest.approx(0.6)


def test_turns_that_nobody_took_do_not_add_up() -> None:
    turns = Turns(2)
    turns.take(10.0)
    waits = [turns.take(100.0) for _ in range(3)]
    assert waits == [0, 0.5, 1.0]
