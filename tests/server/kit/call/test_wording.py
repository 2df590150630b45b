"""The words of refusals, where Protovalidate's would not do."""

import pytest

from server.kit.call.wording import counted, listed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("must be at least 1 characters", "must be at least 1 character"),
        ("must be at least 8 characters", "must be at least 8 characters"),
        ("must be at most 21 characters", "must be at most 21 characters"),
        ("must be at most 1 bytes", "must be at most 1 byte"),
        ("must contain at least 1 item(s)", "must contain at least 1 item"),
        ("must contain no more than 50 item(s)", "must contain no more than 50 items"),
        ("must be a valid UUID", "must be a valid UUID"),
    ],
)
def test_a_noun_has_the_number_of_its_count(text: str, said: str) -> None:
    assert counted(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("must not be in list [0]", "must not be 0"),
        ("must not be in list [0, 13]", "must be none of 0, 13"),
        ("must be in list [1, 2]", "must be one of 1, 2"),
        ("must be at least 1 character", "must be at least 1 character"),
    ],
)
def test_values_of_a_list_are_said_as_people_write_them(text: str, said: str) -> None:
    assert listed(text) == said
