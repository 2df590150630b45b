"""What a call knows of its caller."""

import pytest

from server.kit.context import Context


def test_nobody_is_not_signed_in() -> None:
    with pytest.raises(AssertionError, match="access rule"):
        _ = Context({}, time_remaining=None).signed_in


def test_whom_no_rule_gave_a_scope_reaches_nothing() -> None:
    with pytest.raises(AttributeError):
        _ = Context({}, time_remaining=None).owner_scope


TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"traceparent": TRACE}, TRACE),
        ({}, None),
        ({"traceparent": ""}, None),
        ({"traceparent": TRACE.upper()}, None),
        ({"traceparent": TRACE + "-more"}, None),
        ({"traceparent": TRACE.replace("b7ad6b7169203331", "0" * 16)}, None),
        ({"traceparent": TRACE.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32)}, None),
    ],
)
def test_only_a_sound_trace_is_kept(sent: dict[str, str], kept: str | None) -> None:
    assert Context(sent, time_remaining=None).traceparent == kept
