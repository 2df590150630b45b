"""Every field of every request at and beyond its ends: refused by name, or read back the same."""

import asyncio
import json
import re
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import grpc
import pytest
import pytest_asyncio
from google.api.httpbody_pb2 import HttpBody
from google.protobuf import json_format
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp

from emporium.order.v1 import events_pb2
from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.user.v1 import api_key_service_pb2 as api_key_pb
from server.local.cluster import Cluster
from tests.e2e.conftest import violated_fields
from tests.e2e.extreme_requests import CURRENCY, LONG_AGO, METHODS, base
from tests.e2e.extreme_scene import Scene, opened, read_back
from tests.e2e.extremes import HTTP, MOMENTS, Place, as_rest, by_grpc, by_json, places, put
from tests.server.refusals import Refused
from tests.waiting import until

# What is refused for what the values say together, or for what is stored.
OTHERWISE = {
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
}
STATUSES = {200, 201, 204, 400, 401, 403, 404, 409, 412, 413, 422}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(cluster: Cluster) -> AsyncIterator[Scene]:
    """The shared cluster's doors, as an admin and as a service."""
    async with opened(cluster) as scene:
        yield scene


def is_named(place: Place, fields: set[str]) -> bool:
    """Whether a refusal names the field, what is in it, or the whole or the choice it is in."""
    wanted = ".".join(place.path)
    choice = place.field.containing_oneof
    if choice is not None and choice.name in fields:
        return True
    found = {re.sub(r"\[[^\]]*\]", "", each) for each in fields}
    return any(each.startswith(wanted) or wanted.startswith(each) for each in found)


@dataclass
class Outcome:
    """What became of one attempt: what is wrong with it, and what was accepted, if it was."""

    wrong: list[str]
    accepted: Any = None


# What is refused whatever the field at hand holds: nothing was sent, the sum is too much, the token
# was never mailed, or nobody but the provider can sign.
NAMELESS = {
    "NOTHING_TO_UPDATE",
    "ORDER_TOO_LARGE",
    "ONE_TIME_TOKEN_INVALID",
    "NOTICE_NOT_SIGNED",
}


async def make_room(scene: Scene, name: str, answer: Any) -> None:
    """For the next attempt: an account has few API keys."""
    if name == "CreateApiKey":
        await scene.call("DeleteApiKey", api_key_pb.DeleteApiKeyRequest(api_key_id=answer.id))


async def tried(scene: Scene, name: str, attempts: Iterable[Awaitable[Outcome]]) -> None:
    """Makes all attempts; none may be wrong, and the report must count each order that was taken.

    Changes of one account, order or cart come one after the other, because each is read back.
    """
    before = await scene.report()
    width = asyncio.Semaphore(1 if name.startswith(("Update", "Checkout")) else 8)

    async def limited(attempt: Awaitable[Outcome]) -> Outcome:
        async with width:
            return await attempt

    outcomes = await asyncio.gather(*map(limited, attempts))
    assert [each for outcome in outcomes for each in outcome.wrong] == []
    if name.startswith(("Create", "Record", "Update")):  # that it tries anything at all
        accepted = sum(outcome.accepted is not None for outcome in outcomes)
        assert 0 < accepted < len(outcomes)
    expected = dict(before)
    for order in (outcome.accepted for outcome in outcomes if name == "CreateOrder"):
        if order is not None and order.currency == CURRENCY:
            day = order.order_date.ToDatetime().date().isoformat()
            count, total = expected.get(day, (0, Decimal(0)))
            expected[day] = (count + 1, total + Decimal(order.total_price))

    async def agrees() -> bool:
        return await scene.report() == expected

    await until(agrees)


@pytest.mark.parametrize("name", METHODS)
async def test_by_grpc_each_value_is_refused_by_name_or_read_back(scene: Scene, name: str) -> None:
    async def attempt(place: Place, value: Any) -> Outcome:
        what = f"{'.'.join(place.path)} = {value!r:.80}"
        await scene.prepare(name)
        request = put(base(name, scene, place.root), place.path, value)
        answer = await scene.call(name, request)
        if not isinstance(answer, Refused):
            wrong = await read_back(scene, name, request, answer)
            await make_room(scene, name, answer)
            return Outcome([f"{what}: {each}" for each in wrong], answer)
        if answer.code in OTHERWISE:
            return Outcome([])
        if answer.code is not grpc.StatusCode.INVALID_ARGUMENT:
            return Outcome([f"{what}: {answer.code} {answer.message}"])
        if not is_named(place, set(answer.fields)) and answer.reason not in NAMELESS:
            return Outcome([f"{what}: {answer.reason} names {answer.fields}: {answer.message}"])
        return Outcome([])

    found = places(METHODS[name].input_type)
    await tried(scene, name, (attempt(place, value) for place in found for value in by_grpc(place)))


@pytest.mark.parametrize("name", METHODS)
async def test_by_rest_each_value_is_refused_by_name_or_read_back(scene: Scene, name: str) -> None:
    method = METHODS[name]

    async def attempt(place: Place, value: Any) -> Outcome:
        what = f"{'.'.join(place.path)} = {value!r:.80}"
        await scene.prepare(name)
        call = as_rest(method, base(name, scene, place.root), place, value)
        if call is None:
            return Outcome([])
        content = None if call.body is None else json.dumps(call.body).encode()
        headers = {"content-type": "application/json"} if content else {}
        answer = await scene.rest(
            call.verb, call.path, params=call.query, content=content, headers=headers
        )
        if answer.is_success:
            if call.body is None or not answer.content:
                return Outcome([])
            taken, wrong = await kept(scene, method, call.body, answer.json()["data"])
            await make_room(scene, name, taken)
            return Outcome([f"{what}: {each}" for each in wrong], taken)
        if answer.status_code not in STATUSES:
            return Outcome([f"{what}: {answer.status_code} {answer.text:.300}"])
        error = answer.json()["error"]
        named = is_named(place, violated_fields(error)) or error["code"] in NAMELESS
        if answer.status_code == 422 and not named:
            return Outcome([f"{what}: {answer.text:.300}"])
        return Outcome([])

    found = places(method.input_type)
    attempts = (attempt(place, value) for place in found for value in by_json(place))
    is_json = method.input_type is not HttpBody.DESCRIPTOR  # which comes as it is
    if is_json and method.GetOptions().Extensions[HTTP].WhichOneof("pattern"):
        await tried(scene, name, attempts)


async def kept(
    scene: Scene, method: MethodDescriptor, body: Any, data: Any
) -> tuple[Any, list[str]]:
    """What REST has accepted, and what `read_back` says of it."""
    answer = json_format.ParseDict(data, GetMessageClass(method.output_type)())
    sent = GetMessageClass(method.input_type)()
    try:
        json_format.ParseDict(body, sent, ignore_unknown_fields=True)
    except json_format.ParseError:
        sent.Clear()  # the transcoder takes some spellings that Python does not
    return answer, await read_back(scene, method.name, sent, answer)


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: f"{moment.seconds}_{moment.nanos}")
async def test_an_order_of_any_moment_that_is_taken_can_be_changed_and_stays(
    scene: Scene, moment: Timestamp
) -> None:
    request = base("CreateOrder", scene)
    request.order_date.CopyFrom(moment)
    order = await scene.call("CreateOrder", request)
    if isinstance(order, Refused):
        assert order.fields == ["order_date"]
        return
    cancel = order_pb.UpdateOrderRequest(order_id=order.id, status=order_pb.Order.CANCELLED)
    changed = await scene.call("UpdateOrder", cancel)
    assert changed.order_date == order.order_date
    gone = await scene.call("DeleteOrder", order_pb.DeleteOrderRequest(order_id=order.id))
    assert gone.reason == "ORDER_NOT_DELETABLE"  # it was paid then


async def test_each_field_of_an_order_that_is_told_is_refused_by_name_or_counted(
    scene: Scene,
) -> None:
    """By the door for services: the payload of an event is held to its message too."""
    wrong = []
    await scene.all_told()  # those of other tests would change the figures meanwhile
    counted: Counter[str] = Counter({day: n for day, (n, _) in (await scene.report()).items()})
    for place in places(order_pb.Order.DESCRIPTOR):
        if place.root == "shipping_address":  # no report knows of it
            continue
        for value in by_grpc(place):
            order = order_pb.Order(
                id=str(uuid.uuid4()),
                user_id=str(uuid.uuid4()),
                items=[order_pb.OrderItem(quantity=1)],
                currency=CURRENCY,
                total_price="1.25",
                order_date=LONG_AGO,
            )
            payload = events_pb2.OrderPlaced(order=put(order, place.path, value))
            request = base("RecordDomainEvents", scene)
            request.events[0].type = "emporium.order.v1.OrderPlaced"
            request.events[0].payload = payload.SerializeToString()
            answer = await scene.call("RecordDomainEvents", request)
            if not isinstance(answer, Refused):
                told = payload.order
                if told.currency == CURRENCY:
                    counted[told.order_date.ToDatetime().date().isoformat()] += 1
                continue
            named = f"events[0].payload.order.{place.root}"
            if answer.code is not grpc.StatusCode.INVALID_ARGUMENT or answer.fields != [named]:
                wrong.append(f"{place.path} = {value!r:.80}: {answer.code} {answer.fields}")
    assert wrong == []
    assert {day: n for day, (n, _) in (await scene.report()).items()} == counted
