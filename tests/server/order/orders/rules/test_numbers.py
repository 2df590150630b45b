"""Numbers of orders: spelled, read again, and what is mistyped is told from what is not."""

import itertools
import random

import pytest

from server.order.orders.rules import NUMBERS, number_of, spelled
from server.order.orders.rules.numbers import OrderNumberMistyped

SYMBOLS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
DRAWN = random.Random(1)
SOME = [0, 1, NUMBERS - 1, *(DRAWN.randrange(NUMBERS) for _ in range(50))]


@pytest.mark.parametrize("number", SOME)
def test_what_is_spelled_is_read_again(number: int) -> None:
    text = spelled(number)
    assert len(text) == len("3JZ-9J6-GMQ")
    spoken = text.replace("1", "l").replace("0", "o")
    bare = text.replace("-", "")
    spaced = text.replace("-", " ")
    for typed in (text, text.lower(), bare, spaced, spoken, text.replace("1", "I"), f" {text} "):
        assert number_of(typed, "number") == number


def wrong(text: str) -> set[str]:
    """One symbol replaced; two neighbours, or next but one, exchanged; a double replaced."""
    bare = text.replace("-", "")
    found = {bare[:at] + each + bare[at + 1 :] for at in range(len(bare)) for each in SYMBOLS}
    for at, apart in itertools.product(range(len(bare)), (1, 2)):
        if at + apart < len(bare):
            typed = [*bare]
            typed[at], typed[at + apart] = typed[at + apart], typed[at]
            found.add("".join(typed))
    for at in range(len(bare) - 1):
        if bare[at] == bare[at + 1]:
            found |= {bare[:at] + each * 2 + bare[at + 2 :] for each in SYMBOLS}
    return found - {bare}


@pytest.mark.parametrize("number", SOME)
def test_each_common_mistake_of_each_symbol_is_noticed(number: int) -> None:
    for typed in wrong(spelled(number)):
        with pytest.raises(OrderNumberMistyped) as raised:
            number_of(typed, "number")
        assert "mistyped" in raised.value.message


@pytest.mark.parametrize(
    "typed",
    [
        "3JZ-9J6-GM",
        "3JZ-9J6-GMQQ",
        "3JZ-9J6-GMU",
        "3JZ-9J6-GM\N{FULLWIDTH DIGIT ONE}",
        "-",
        "*" * 9,
    ],
)
def test_what_is_no_number_is_told_what_one_is(typed: str) -> None:
    with pytest.raises(OrderNumberMistyped) as raised:
        number_of(typed, "number")
    assert raised.value.message.endswith("must be 9 letters and digits, such as 3JZ-9J6-GMQ")


def test_nothing_is_no_filter() -> None:
    assert number_of("", "number") is None
    assert spelled(123456789012) == "3JZ-9J6-GMQ"
