"""The words of refusals, where Protovalidate's would not do."""

import pytest

from server.kit.call.wording import counted


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
