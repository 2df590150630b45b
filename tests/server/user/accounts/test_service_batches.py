"""Many accounts by one call: for services alone."""

import uuid

import grpc
import pytest

from emporium.resources.users import BATCH_GET_MAX
from emporium.user.v1 import user_service_pb2 as pb
from tests.server.conftest import Token
from tests.server.refusals import refused
from tests.server.user.doors import Door, create


@pytest.fixture
def service(user_channel: grpc.aio.Channel, token: Token) -> Door:
    """Another of Emporium's services."""
    return Door(user_channel, token("SERVICE"))


def batch(*user_ids: str) -> pb.BatchGetUsersRequest:
    return pb.BatchGetUsersRequest(user_ids=user_ids)


async def test_accounts_come_in_the_order_asked_for_each_once_without_those_that_are_missing(
    anyone: Door, admin_door: Door, service: Door
) -> None:
    ann, bob, gone = [await anyone("CreateUser", create(age=age)) for age in (30, 40, 50)]
    await admin_door("DeleteUser", pb.DeleteUserRequest(user_id=gone.id))
    asked = batch(bob.id, str(uuid.uuid4()), ann.id.upper(), gone.id, bob.id, ann.id)
    answer = await service("BatchGetUsers", asked)
    assert list(answer.users) == [bob, ann]


async def test_nobody_there_is_an_empty_answer(service: Door) -> None:
    answer = await service("BatchGetUsers", batch(str(uuid.uuid4())))
    assert list(answer.users) == []


async def test_as_many_as_the_contract_says_are_read_and_no_more(
    anyone: Door, service: Door
) -> None:
    user = await anyone("CreateUser", create())
    full = [user.id, *(str(uuid.uuid4()) for _ in range(BATCH_GET_MAX - 1))]
    assert list((await service("BatchGetUsers", batch(*full))).users) == [user]
    for wrong in ([], [*full, str(uuid.uuid4())]):
        found = await refused(service("BatchGetUsers", batch(*wrong)))
        assert (found.reason, found.fields) == ("VALIDATION_FAILED", ["user_ids"])


async def test_what_is_no_id_is_named_by_its_place(service: Door) -> None:
    found = await refused(service("BatchGetUsers", batch(str(uuid.uuid4()), "ann")))
    assert (found.reason, found.fields) == ("VALIDATION_FAILED", ["user_ids[1]"])


@pytest.mark.parametrize("role", ["CUSTOMER", "STAFF", "ADMIN"])
async def test_no_person_may_ask(user_channel: grpc.aio.Channel, token: Token, role: str) -> None:
    person = Door(user_channel, token(role))
    found = await refused(person("BatchGetUsers", batch(str(uuid.uuid4()))))
    assert (found.code, found.reason) == (grpc.StatusCode.PERMISSION_DENIED, "PERMISSION_DENIED")
