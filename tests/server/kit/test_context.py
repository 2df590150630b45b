"""What a call knows of its caller."""

import pytest

from server.kit.context import Context, device_of


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


@pytest.mark.parametrize(
    ("user_agent", "label"),
    [
        (None, ""),
        ("", ""),
        ("Firefox/145 (Linux)", "Firefox/145 (Linux)"),
        ("a\r\n\tb\x00c é", "a b c"),
        ("x" * 1_000, "x" * 120),
    ],
)
def test_a_device_is_what_it_calls_itself_within_bounds(user_agent: str | None, label: str) -> None:
    assert device_of(user_agent, None).label == label


@pytest.mark.parametrize(
    ("forwarded_for", "address"),
    [
        (None, ""),
        ("192.0.2.1", "192.0.2.1"),
        ("198.51.100.7, 192.0.2.1", "192.0.2.1"),  # who calls can write what is before the last
        ("2001:DB8::1", "2001:db8::1"),
        ("<script>", ""),
        ("192.0.2.1, ", ""),
    ],
)
def test_the_address_is_the_one_that_the_edge_saw(forwarded_for: str | None, address: str) -> None:
    assert device_of(None, forwarded_for).address == address
