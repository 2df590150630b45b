"""How errors name what is wrong."""

import pytest

from server.kit import errors
from server.kit.errors import Violation


def test_every_field_that_breaks_a_rule_is_named_once() -> None:
    errors.Invalid.check([])
    one = Violation("age", "must be more")
    with pytest.raises(errors.Invalid, match=r"^age: must be more$") as raised:
        errors.Invalid.check([one])
    assert raised.value.violations == (one,)
    other = Violation("age", "must be a number")
    with pytest.raises(errors.Invalid, match=r"^age: must be more; must be a number$"):
        errors.Invalid.check([one, other])
    with pytest.raises(errors.Invalid, match=r"^2 fields are invalid: age, name$") as raised:
        errors.Invalid.check([one, other, Violation("name", "must be there")])
    assert len(raised.value.violations) == 3
