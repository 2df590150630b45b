"""API keys through the gRPC door: making, seeing and ending them."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from emporium.user.v1 import api_key_service_pb2 as pb
from emporium.user.v1 import user_service_pb2 as user_pb
from server.kit.context import Role
from server.kit.postgres import Pool
from server.user.api_keys.rules import KEYS_MAX
from tests.server.conftest import Token
from tests.server.refusals import refused
from tests.server.user.conftest import SignedIn
from tests.server.user.doors import Door


def new(**fields: Any) -> pb.CreateApiKeyRequest:
    return pb.CreateApiKeyRequest(**{"name": "ERP", "scopes": ["orders.read"], **fields})


async def listed(door: Door, **fields: Any) -> pb.ListApiKeysResponse:
    answer: pb.ListApiKeysResponse = await door("ListApiKeys", pb.ListApiKeysRequest(**fields))
    return answer


@pytest.fixture
async def owner(signed_in: SignedIn) -> Door:
    return await signed_in(Role.CUSTOMER)


async def test_a_key_is_shown_once_and_then_without_its_secret(owner: Door) -> None:
    request = new(scopes=["users.read", "orders.read"], expires_in_days=7)
    made = await owner("CreateApiKey", request)
    assert made.secret.startswith("emp_")
    assert (made.name, list(made.scopes)) == ("ERP", ["orders.read", "users.read"])
    created, ends = (each.ToDatetime(UTC) for each in (made.created_at, made.expires_at))
    assert abs(datetime.now(UTC) - created) < timedelta(minutes=1)
    assert ends - created == timedelta(days=7)
    assert not made.HasField("last_used_at")

    made.secret = ""
    (shown,) = (await listed(owner)).api_keys
    assert shown == made


async def test_a_secret_rests_nowhere_but_as_a_hash(owner: Door, user_pool: Pool) -> None:
    made = await owner("CreateApiKey", new(request_id="once"))
    rows = [
        *await user_pool.fetch("SELECT api_keys::text AS row FROM api_keys"),
        *await user_pool.fetch("SELECT answer AS row FROM idempotency_keys"),
        *await user_pool.fetch("SELECT outbox::text AS row FROM outbox"),
    ]
    assert not any(made.secret in str(row["row"]) for row in rows)


async def test_a_repeat_gets_the_key_without_its_secret(owner: Door) -> None:
    first = await owner("CreateApiKey", new(request_id="once"))
    again = await owner("CreateApiKey", new(request_id="once"))
    assert (again.id, again.secret) == (first.id, "")
    other = await refused(owner("CreateApiKey", new(request_id="once", name="CRM")))
    assert other.reason == "IDEMPOTENCY_KEY_REUSED"
    assert len((await listed(owner)).api_keys) == 1


async def test_keys_are_listed_page_by_page_and_by_their_owner_alone(
    owner: Door, signed_in: SignedIn
) -> None:
    made = [(await owner("CreateApiKey", new(name=f"{n}"))).id for n in range(3)]
    first = await listed(owner, per_page=2)
    rest = await listed(owner, per_page=2, page_token=first.meta.next_page_token)
    found = [each.id for each in (*first.api_keys, *rest.api_keys)]
    assert (found, first.meta.total) == (made[::-1], 3)
    for stranger in (await signed_in(Role.CUSTOMER), await signed_in(Role.ADMIN)):
        assert list((await listed(stranger)).api_keys) == []
        stolen = pb.ListApiKeysRequest(per_page=2, page_token=first.meta.next_page_token)
        assert (await refused(stranger("ListApiKeys", stolen))).reason == "INVALID_PAGE_TOKEN"


async def test_a_key_is_ended_by_its_owner_alone(owner: Door, signed_in: SignedIn) -> None:
    made = await owner("CreateApiKey", new())
    request = pb.DeleteApiKeyRequest(api_key_id=made.id)
    for stranger in (await signed_in(Role.CUSTOMER), await signed_in(Role.ADMIN)):
        found = await refused(stranger("DeleteApiKey", request))
        assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "API_KEY_NOT_FOUND")
    await owner("DeleteApiKey", request)
    assert list((await listed(owner)).api_keys) == []
    assert (await refused(owner("DeleteApiKey", request))).reason == "API_KEY_NOT_FOUND"


async def test_an_account_has_a_bounded_number_of_keys_also_by_calls_at_once(owner: Door) -> None:
    for n in range(KEYS_MAX - 2):
        await owner("CreateApiKey", new(name=f"{n}"))
    calls = (owner("CreateApiKey", new(name=f"last {n}")) for n in range(6))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    assert sum(isinstance(each, pb.ApiKey) for each in answers) == 2
    full = await refused(owner("CreateApiKey", new()))
    assert (full.code, full.reason) == (
        grpc.StatusCode.FAILED_PRECONDITION,
        "TOO_MANY_API_KEYS",
    )
    last = (await listed(owner, per_page=1)).api_keys[0]
    await owner("DeleteApiKey", pb.DeleteApiKeyRequest(api_key_id=last.id))
    await owner("CreateApiKey", new())


async def test_keys_go_with_their_account(owner: Door, admin_door: Door, user_pool: Pool) -> None:
    made = await owner("CreateApiKey", new(request_id="once"))
    await admin_door("DeleteUser", user_pb.DeleteUserRequest(user_id=owner.user_id))
    assert await user_pool.fetchval("SELECT count(*) FROM api_keys WHERE id = $1", made.id) == 0
    answers = "SELECT count(*) FROM idempotency_keys WHERE subject = $1"
    assert await user_pool.fetchval(answers, owner.user_id) == 0
    assert (await refused(owner("CreateApiKey", new()))).reason == "ACCOUNT_INACTIVE"


async def test_services_have_no_keys(user_channel: grpc.aio.Channel, token: Token) -> None:
    door = Door(user_channel, token("SERVICE"))
    assert (await refused(door("CreateApiKey", new()))).reason == "PERMISSION_DENIED"


@pytest.mark.parametrize("scopes", [[], ["orders"], ["orders.read", "orders.read"], ["admin"]])
async def test_scopes_are_those_that_there_are_each_once(owner: Door, scopes: list[str]) -> None:
    found = await refused(owner("CreateApiKey", new(scopes=scopes)))
    assert found.reason == "VALIDATION_FAILED"
    assert any(field.startswith("scopes") for field in found.violations)
