"""What a call knows of its caller."""

import pytest

from server.kit.context import Context


def test_nobody_is_not_signed_in() -> None:
    with pytest.raises(AssertionError, match="access rule"):
        _ = Context({}, time_remaining=None).signed_in


def test_whom_no_rule_gave_a_scope_reaches_nothing() -> None:
    with pytest.raises(AttributeError):
        _ = Context({}, time_remaining=None).owner_scope
