"""The words that are searched for."""

import random

import pytest

from tests.bench import goods
from tests.bench.rows.search import query


def test_names_are_the_same_each_time_and_share_their_words() -> None:
    names = goods.names(500)
    assert names == goods.names(500)
    words = [word for name in names for word in name.split()]
    assert len({*words}) < len(words) / 2
    assert max(words.count(word) for word in {*words}) > 50


@pytest.mark.parametrize("kind", ["as it is", "begun", "misspelt"])
def test_a_query_is_of_words_of_the_name(kind: str) -> None:
    pick = random.Random(1)
    for name in goods.names(200):
        words = query(pick, name, kind).split()
        there = name.lower().split()
        assert 1 <= len(words) <= 3
        strange = [word for word in words if word not in there]
        if kind == "as it is":
            assert not strange
        elif kind == "begun":
            assert all(any(each.startswith(word) for each in there) for word in strange)
            assert len(strange) <= 1
        else:  # and where two equal letters are exchanged, or one becomes itself, none
            assert len(strange) <= 1
