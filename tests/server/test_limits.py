"""Limits that depend on each other agree: each test works one out from the others."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import protovalidate
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from hypothesis import given
from hypothesis import strategies as st

from emporium.limits import BODY_BYTES_MAX, MESSAGE_BYTES_MAX
from emporium.type.v1.domain_event_pb2 import DomainEvent
from emporium.type.v1.page_pb2 import PageMeta
from server.contract import bodies
from server.kit import descriptors
from server.kit.call.method import Method, methods
from server.kit.listing.paging import After, Page, Sort, Total, page_meta, page_query
from server.kit.outbox import Pace
from server.order.catalog.store import products as products_store
from server.order.events.encoding import to_outbox
from server.order.neighbours import analytics
from server.order.orders import rules as orders
from server.order.orders.store import placing
from tests.discovery import contract
from tests.server import largest, largest_around, largest_goods
from tests.server.lists import LISTS
from tests.server.tokens import TOKENS

ROOT = Path(__file__).parents[2]
METHODS: dict[str, Method] = {
    method.name: method for service in contract() for method in methods(service)
}

SORTS = [(rpc, field) for rpc, (sortable, _) in LISTS.items() for field in sortable]


def violations_of(message: Message) -> list[Any]:
    """What the contract's rules say, which only its image has."""
    received = descriptors.described(type(message)).FromString(message.SerializeToString())
    return list(protovalidate.Validator().collect_violations(received))


def setting(file: str, pattern: str) -> int:
    """A limit as a file of the edge has it."""
    found = re.search(pattern, (ROOT / "envoy" / file).read_text())
    assert found, pattern
    return int(found[1])


# ---------------------------------------------------------------- page tokens


def largest_values(rpc: str, field: str) -> st.SearchStrategy[str]:
    """Values that the list can be sorted by, the largest above all, as a token has them."""
    sortable, message = LISTS[rpc]
    if sortable[field] is datetime:
        return st.just(largest.LAST.isoformat())
    if sortable[field] is int:
        return st.just(str(largest.INT32_MAX))
    if sortable[field] is Decimal:
        return st.just(str(largest.MONEY))
    assert message, f"{field} is text, and nothing says how long"
    rules = descriptors.rules_of(message.DESCRIPTOR.fields_by_name[field]).string
    bounded = re.search(r"\{(?:\d+,)?(\d+)\}\$$", rules.pattern)
    length = rules.max_len or int(bounded[1] if bounded else 0)
    assert length, f"{field} is text of any length"
    characters = st.characters(codec="utf-8", min_codepoint=0x10000)
    return st.text(characters, min_size=length, max_size=length) | st.text(max_size=length)


@pytest.mark.parametrize(("rpc", "field"), SORTS)
def test_every_token_that_is_issued_is_taken(rpc: str, field: str) -> None:
    method = METHODS[rpc]
    sortable, _ = LISTS[rpc]
    request: Any = method.request(sort=f"{field}:desc")
    parents = {"user_id", "order_id", "product_id", "webhook_id"}
    for name in parents & {*method.request.DESCRIPTOR.fields_by_name}:
        setattr(request, name, largest.ID)
    default = Sort("id", descending=False)

    @given(largest_values(rpc, field))
    def check(value: str) -> None:
        first = page_query(request, TOKENS, sortable=sortable, default=default, filters=())
        far = replace(first, page=largest.INT32_MAX - 1)
        total = Total(largest.INT32_MAX, is_estimate=True)
        meta = page_meta(far, Page([], total, After(value, largest.ID)))

        following: Any = method.request()
        following.CopyFrom(request)
        following.page_token = meta.next_page_token
        assert not violations_of(following)
        again = page_query(following, TOKENS, sortable=sortable, default=default, filters=())
        assert (again.after, again.total) == (After(value, largest.ID), total)

    check()


def test_every_list_is_looked_at() -> None:
    assert set(LISTS) == {
        name
        for name, method in METHODS.items()
        if "sort" in method.request.DESCRIPTOR.fields_by_name
    }


def test_the_edge_finds_meta_behind_the_longest_token() -> None:
    length = largest.rules_of(METHODS["ListUsers"].request, "page_token").string.max_len
    meta = PageMeta(
        page=largest.INT32_MAX,
        per_page=largest.PER_PAGE_MAX,
        total=largest.INT32_MAX,
        next_page_token="n" * length,
        total_is_estimate=True,
    )
    written = json_format.MessageToDict(meta, preserving_proto_field_name=True)
    tail = f',"meta":{json.dumps(written, separators=(",", ":"))}}}'
    assert len(tail) < setting("json_text.lua", r"META_BYTES = (\d+)")


# ---------------------------------------------------------------- answers and requests


async def test_the_largest_answer_of_every_rpc_fits_into_a_message() -> None:
    answers = {**await largest.answers(), **largest_goods.answers(), **largest_around.answers()}
    assert set(answers) == {name for name, each in METHODS.items() if each.response is not Empty}
    sizes = {name: answer.ByteSize() for name, answer in answers.items()}
    assert max(sizes.values()) < MESSAGE_BYTES_MAX, sizes
    whole = answers["GetOrder"].ByteSize()
    assert largest.PER_PAGE_MAX * whole > MESSAGE_BYTES_MAX, "so a list cannot show whole orders"
    # What the edge makes of it is one buffer there.
    buffer = setting("transcoder.yaml", r"max_response_body_size: (\d+)")
    for name, answer in answers.items():
        assert len(json_format.MessageToJson(answer, ensure_ascii=False).encode()) < buffer, name


async def test_a_page_of_orders_has_so_many_rows_and_lines_and_no_more() -> None:
    answer: Any = (await largest.answers())["ListOrders"]
    assert len(answer.orders) == largest.PER_PAGE_MAX == rows_max("ListOrders")
    assert {len(order.items) for order in answer.orders} == {5}
    assert sum(len(order.items) for order in answer.orders) == orders.PAGE_ITEMS_MAX
    assert {order.item_count for order in answer.orders} == {largest.LINES_MAX}


def rows_max(rpc: str) -> int:
    limit: int = largest.rules_of(METHODS[rpc].request, "per_page").int32.lte
    return limit


def test_the_largest_order_passes_the_edge_and_the_service() -> None:
    request = largest.create_order()
    assert not violations_of(request)
    assert request.ByteSize() < BODY_BYTES_MAX  # by gRPC
    body = json_format.MessageToDict(request, preserving_proto_field_name=True)
    plain = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    escaped = json.dumps(body, ensure_ascii=True, separators=(",", ":"))
    by_route = bodies.largest(descriptors.pool(), request.DESCRIPTOR.full_name)
    assert len(plain.encode()) < BODY_BYTES_MAX < len(escaped) < by_route < 1.1 * len(escaped)


def test_the_edge_says_what_a_body_may_hold() -> None:
    assert setting("envoy.yaml", r"max_request_bytes: (\d+)") == BODY_BYTES_MAX
    assert setting("refusals.lua", r'body_bytes_max or "(\d+)"') == BODY_BYTES_MAX


def test_orders_that_are_written_together_are_bounded_by_what_one_may_have() -> None:
    assert largest.LINES_MAX == placing._LINES_MAX == products_store._PRODUCTS_MAX


# ---------------------------------------------------------------- events


def test_the_largest_event_travels() -> None:
    order = largest.order()
    told = orders.OrderEvent(
        largest.ID, orders.EventType.CANCELLED, order, largest.VERSION, largest.LAST, "t" * 55
    )
    event = to_outbox(told)
    payload_max = largest.rules_of(DomainEvent, "payload").bytes.max_len
    assert len(event.payload) < payload_max

    one: DomainEvent = analytics._on_the_wire(event)
    assert not violations_of(one)
    envelope = one.ByteSize() - len(event.payload) + 16
    call = analytics._BYTES_MAX + payload_max + largest.EVENTS_MAX * envelope
    assert call < MESSAGE_BYTES_MAX


def test_a_relays_batch_fits_into_one_call() -> None:
    assert Pace().batch_max <= largest.EVENTS_MAX
    assert Pace().bytes_max <= analytics._BYTES_MAX


# ---------------------------------------------------------------- the contract itself


def test_every_text_and_every_list_of_a_request_has_a_limit() -> None:
    unbounded = [
        f"{name}: {path}"
        for name, method in METHODS.items()
        for path, field in fields_of(method.request.DESCRIPTOR)
        if not is_bounded(field) and method.request is not HttpBody  # its servicer bounds that
    ]
    assert unbounded == []


def fields_of(message: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for field in message.fields:
        yield f"{path}{field.name}", field
        inner = field.message_type
        if inner and not inner.full_name.startswith("google.") and not inner.GetOptions().map_entry:
            yield from fields_of(inner, f"{path}{field.name}.")


def is_bounded(field: FieldDescriptor) -> bool:
    rules = descriptors.rules_of(field)
    if field.message_type and field.message_type.GetOptions().map_entry:
        parts: Descriptor = field.message_type
        value, key = parts.fields_by_name["value"], rules.map.keys
        has_short_values = value.type != value.TYPE_STRING or is_short(rules.map.values.string)
        return bool(rules.map.max_pairs and is_short(key.string) and has_short_values)
    if field.is_repeated and not rules.repeated.max_items:
        return False
    if field.type == field.TYPE_BYTES:
        return bool(rules.bytes.max_len)
    if field.type == field.TYPE_STRING:
        return is_short(rules.repeated.items.string if field.is_repeated else rules.string)
    return True


def is_short(rules: Any) -> bool:
    """Whether the rules of a text bound its length."""
    is_pattern_bounded = rules.pattern and not re.search(r"[*+]|\{\d+,\}", rules.pattern)
    is_one_of = list(getattr(rules, "in"))
    return bool(rules.max_len or rules.max_bytes or rules.uuid or is_pattern_bounded or is_one_of)


def test_what_has_no_limit_is_found() -> None:
    string_rules = descriptors.message_class("buf.validate.StringRules")
    unbounded = string_rules(pattern="^[a-z]+$")
    assert not is_short(unbounded)
    assert is_short(string_rules(pattern="^[a-z]+$", max_len=64))
    assert not is_bounded(PageMeta.DESCRIPTOR.fields_by_name["next_page_token"])
