"""What a mask sets, clears and may not name."""

from typing import Any

import pytest

from server.kit import errors
from server.kit.masks import fields_of_mask

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
    assert f"'{name}'" in refused.value.message
    assert refused.value.violations[0].field == "update_mask"
