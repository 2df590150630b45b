"""Nobody sets what the server decides: not by body, query, path, mask or unknown field.

Every rpc that writes is tried, with every field that its answer has and its request has not. What a
request does have, and a rule decides about, stands in `RULED`.
"""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.descriptor import MethodDescriptor

from emporium.user.v1 import user_service_pb2 as user_pb
from server.local.cluster import Cluster
from tests import access_oracle, asking
from tests.access_oracle import Caller, Whose
from tests.asking import FRAME_BYTES
from tests.bench.http2 import framed
from tests.campaign.http2 import Answer, Connection, Request, connected
from tests.e2e.access_scene import OBJECTS, object_field, request
from tests.e2e.conftest import new_email
from tests.e2e.extreme_scene import Scene, opened
from tests.e2e.server_owned import (
    WORDS,
    not_taken,
    said,
    smuggled,
    taken,
    with_body,
    writes,
)
from tests.effort import Effort

WRITES = list(writes())
CUSTOMER = Caller("a customer", "CUSTOMER", "CUSTOMER")
ADMIN = Caller("an admin", "ADMIN", "ADMIN")
PAIRS = 40
PASSWORD = "correct horse battery"
ANOTHER = "01900000-0000-7000-8000-000000000000"
# What a customer is told who sends what only staff may; `None`: it is a condition, not a value.
RULED: dict[tuple[str, str], tuple[Any, str]] = {
    ("CreateUser", "role"): ("ADMIN", "ROLE_NOT_ALLOWED"),
    ("UpdateUser", "role"): ("ADMIN", "ROLE_NOT_ALLOWED"),
    ("UpdateUser", "status"): ("DISABLED", "ROLE_NOT_ALLOWED"),
    ("UpdateUser", "etag"): ("999", "ETAG_MISMATCH"),
    ("DeleteUser", "etag"): ("999", "ETAG_MISMATCH"),
    ("CreateOrder", "user_id"): (ANOTHER, "STAFF_ONLY_FIELD"),
    ("CreateOrder", "order_date"): ("2001-01-01T00:00:00Z", "STAFF_ONLY_FIELD"),
    ("CreateOrder", "total_price"): ("0.01", "VALIDATION_FAILED"),
    ("UpdateOrder", "status"): ("PAID", "STAFF_ONLY_FIELD"),
    ("UpdateOrder", "etag"): ("999", "ETAG_MISMATCH"),
    ("CancelOrder", "etag"): ("999", "ETAG_MISMATCH"),
    ("DeleteOrder", "etag"): ("999", "ETAG_MISMATCH"),
    ("UpdateReturn", "status"): ("APPROVED", "STAFF_ONLY_FIELD"),
    ("UpdateReturn", "etag"): ("999", "ETAG_MISMATCH"),
    ("UpdateCart", "etag"): ("999", "ETAG_MISMATCH"),
    ("DeleteCart", "etag"): ("999", "ETAG_MISMATCH"),
    ("CheckoutCart", "etag"): ("999", "ETAG_MISMATCH"),
    ("CheckoutCart", "total_price"): ("0.01", "CART_PRICE_CHANGED"),
    ("UpdateAddress", "etag"): ("999", "ETAG_MISMATCH"),
    ("DeleteAddress", "etag"): ("999", "ETAG_MISMATCH"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(cluster: Cluster) -> AsyncIterator[Scene]:
    async with opened(cluster) as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def edge(cluster: Cluster) -> AsyncIterator[Connection]:
    connection = await connected(int(cluster.edge_url.rpartition(":")[2]))
    yield connection
    connection.close()


def caller_of(rpc: MethodDescriptor) -> Caller:
    """A customer, about what is his own, where one may call at all; else an admin."""
    return ADMIN if access_oracle.answer(rpc, CUSTOMER, Whose.OWN) else CUSTOMER


@pytest.mark.parametrize("rpc", WRITES, ids=lambda rpc: rpc.name)
async def test_what_a_request_does_not_have_is_refused_wherever_it_is_said(
    rpc: MethodDescriptor, scene: Scene, edge: Connection
) -> None:
    good = await request(scene, rpc, caller_of(rpc), Whose.OWN, by_rest=True)
    before = await seen(scene, rpc, good)
    wrong = []
    for name, value in not_taken(rpc).items():
        for how, call in said(good, name, value):
            answer = await edge.call(call)
            if answer.is_success or not 400 <= int(answer.outcome) < 500:
                wrong.append(f"{name} by {how}: {answer.outcome}")
    assert wrong == []
    assert await seen(scene, rpc, good) == before


@pytest.mark.timeout(3_600)
async def test_two_fields_in_two_places_are_refused_as_well(
    scene: Scene, edge: Connection, effort: Effort
) -> None:
    chance = effort.random("mass assignment")
    for rpc in chance.choices(WRITES, k=effort.times(PAIRS)):
        good = await request(scene, rpc, caller_of(rpc), Whose.OWN, by_rest=True)
        before = await seen(scene, rpc, good)
        call, places = good, []
        for name, value in chance.sample([*not_taken(rpc).items()], 2):
            how, call = chance.choice([*said(call, name, value)])
            places.append(f"{name} by {how}")
        answer = await edge.call(call)
        assert 400 <= int(answer.outcome) < 500, (rpc.full_name, places)
        assert await seen(scene, rpc, good) == before


async def seen(scene: Scene, rpc: MethodDescriptor, good: Request) -> Any:
    """What the call is about, as an admin sees it; nothing where it makes something new."""
    field = object_field(rpc)
    if field not in ("user_id", "order_id"):
        return None
    path = good.path.partition("?")[0].removeprefix("/api/v1").partition(":")[0]
    return await scene.rest.data("GET", "/".join(path.split("/")[:3]))


def test_whatever_a_rule_decides_about_is_tried() -> None:
    undecided = [
        f"{rpc.name}.{name}"
        for rpc in WRITES
        if caller_of(rpc) is CUSTOMER
        for name in taken(rpc)
        if (rpc.name, name) not in RULED
    ]
    assert undecided == [], "RULED has to say what a customer is told who sends it"
    assert set(OBJECTS) & set(WORDS) <= {"user_id"}


@pytest.mark.parametrize(("name", "field"), RULED)
async def test_what_is_not_a_customers_to_say_is_refused(
    name: str, field: str, scene: Scene, edge: Connection
) -> None:
    (rpc,) = (each for each in WRITES if each.name == name)
    value, code = RULED[name, field]
    good = await request(scene, rpc, CUSTOMER, Whose.OWN, by_rest=True)
    before = await seen(scene, rpc, good)
    if good.verb == "DELETE":
        call = asking.at(good, f"{good.path}?{field}={value}")
    else:
        content = json.loads(good.body)
        for item in content.get("items", ()):  # of the catalogue, as customers order
            item.pop("product_name", None)
            item.pop("unit_price", None)
            item["product_id"] = await OBJECTS["product_id"](scene, scene.user)
        for staffs in ("user_id", "order_date", "currency"):
            content.pop(staffs, None)
        if name == "CreateUser":  # as people open their own account
            content["password"] = PASSWORD
        call = with_body(good, content | {field: value})
    answer = await edge.call(call)
    assert asking.reason(answer) == code
    assert await seen(scene, rpc, good) == before


MASKED = [rpc for rpc in WRITES if "update_mask" in rpc.input_type.fields_by_name]


@pytest.mark.parametrize("rpc", MASKED, ids=lambda rpc: rpc.name)
async def test_a_mask_names_nothing_of_the_servers(
    rpc: MethodDescriptor, scene: Scene, edge: Connection
) -> None:
    good = await request(scene, rpc, CUSTOMER, Whose.OWN, by_rest=True)
    before = await seen(scene, rpc, good)
    content = json.loads(good.body)
    for name in (*not_taken(rpc), *taken(rpc), "*"):
        first, *rest = name.split("_")
        mask = {"update_mask": first + "".join(map(str.title, rest))}
        answer = await edge.call(with_body(good, content | mask))
        assert not answer.is_success, name
    assert await seen(scene, rpc, good) == before


MAKING = [rpc for rpc in WRITES if "etag" in rpc.output_type.fields_by_name]


@pytest.mark.parametrize("rpc", MAKING, ids=lambda rpc: rpc.name)
async def test_fields_that_only_the_answer_has_are_nothing_in_a_request(
    rpc: MethodDescriptor, scene: Scene
) -> None:
    """Of Protobuf, which has room for any number: they are not looked at."""
    good = await request(scene, rpc, caller_of(rpc), Whose.OWN, by_rest=False)
    more, sent = smuggled(rpc)
    answer = await with_more(scene, rpc, good, more)
    if not answer.is_success:  # a customer who does what staff may
        assert asking.reason(answer)
        return
    made = asking.answer_of(rpc, answer)
    assert sent
    assert [name for name, value in sent.items() if getattr(made, name) == value] == []


async def with_more(scene: Scene, rpc: MethodDescriptor, good: Request, more: bytes) -> Answer:
    """What the service answers to the message with `more` behind it."""
    service = rpc.full_name.split(".")[1]
    connection = await connected(int(scene.cluster.record.grpc[service].rpartition(":")[2]))
    body = framed(good.body[FRAME_BYTES:] + more)
    answer = await connection.call(Request(good.verb, good.path, good.headers, body))
    connection.close()
    return answer


async def test_nobody_verifies_an_email_by_saying_so(scene: Scene) -> None:
    request_ = user_pb.CreateUserRequest(email=new_email(), full_name="Ann", password=PASSWORD)
    said_so = user_pb.User(email_verified=True).SerializeToString()
    (create,) = (rpc for rpc in WRITES if rpc.name == "CreateUser")
    answer = await with_more(scene, create, asking.by_grpc(create, request_), said_so)
    made = asking.answer_of(create, answer)
    assert (made.email, made.email_verified) == (request_.email, False)
