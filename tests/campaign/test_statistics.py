"""The statistics of campaigns, on samples whose answer is known."""

import random

import pytest

from tests.campaign.statistics import UNLIKELY, quantile, rank_p_value


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert quantile(values, 0.99) == 99.0
    assert quantile(values, 1.0) == 100.0
    assert quantile([7.0], 0.01) == 7.0


def drawn(seed: int, mean: float) -> list[float]:
    """300 times of something that takes a quarter of a second, give or take 5 ms."""
    chance = random.Random(seed)
    return [chance.gauss(mean, 0.005) for _ in range(300)]


def test_two_samples_of_one_distribution_are_not_told_apart() -> None:
    values = [rank_p_value(drawn(seed, 0.25), drawn(seed + 1000, 0.25)) for seed in range(200)]
    assert min(values) >= UNLIKELY
    assert sum(value < 0.05 for value in values) / len(values) == pytest.approx(0.05, abs=0.04)


def test_a_shift_by_less_than_the_noise_is_told_apart() -> None:
    assert rank_p_value(drawn(1, 0.25), drawn(2, 0.253)) < UNLIKELY
    assert rank_p_value(drawn(1, 0.253), drawn(2, 0.25)) < UNLIKELY


def test_equal_values_say_nothing() -> None:
    assert rank_p_value([1.0] * 30, [1.0] * 30) == pytest.approx(1.0)


def test_the_p_value_is_that_of_the_text_books() -> None:
    # Hollander & Wolfe, "Nonparametric Statistical Methods": no ties, U = 35, z = 1.163.
    first = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
    second = [1.15, 0.88, 0.90, 0.74, 1.21]
    assert rank_p_value(first, second) == pytest.approx(0.2207, abs=0.001)
