"""API keys in exchange for access tokens, through the gRPC door: RFC 6749, section 4.4."""

import base64
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

import grpc
import jwt
import pytest
from google.api.httpbody_pb2 import HttpBody
from structlog.testing import capture_logs

from emporium.type.v1 import role_pb2
from emporium.user.v1 import api_key_service_pb2 as pb
from emporium.user.v1 import user_service_pb2 as user_pb
from server.kit import auth, errors
from server.kit.context import Role
from server.kit.lifecycle import Registration
from server.kit.postgres import Pool
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.api_keys.rules import secret_of
from server.user.api_keys.service import ApiKeyService
from server.user.api_keys.store import PostgresApiKeyStore
from server.user.events.encoding import to_outbox
from tests.server.conftest import Serve
from tests.server.kit.ping import Believing
from tests.server.refusals import Refused, refused
from tests.server.tokens import TOKENS
from tests.server.user.api_keys.test_service import new
from tests.server.user.conftest import SignedIn
from tests.server.user.doors import Door

FORM = "application/x-www-form-urlencoded"
Given = pb.ExchangeApiKeyResponse
MakeKey = Callable[..., Awaitable[pb.ApiKey]]


def form(**fields: str) -> HttpBody:
    asked = {"grant_type": "client_credentials"} | fields
    return HttpBody(content_type=FORM, data=urlencode(asked).encode())


def asking(key: pb.ApiKey, **fields: str) -> HttpBody:
    return form(**({"client_id": key.id, "client_secret": key.secret} | fields))


def basic(name: str, secret: str) -> tuple[str, str]:
    pair = f"{quote_plus(name)}:{quote_plus(secret)}"
    return "authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"


def claims(given: Given) -> dict[str, Any]:
    read: dict[str, Any] = jwt.decode(given.access_token, options={"verify_signature": False})
    return read


async def no(call: Any) -> str:
    answer: Refused = await refused(call)
    return answer.reason


@pytest.fixture
async def owner(signed_in: SignedIn) -> Door:
    return await signed_in(Role.STAFF)


@pytest.fixture
async def key(owner: Door) -> pb.ApiKey:
    made: pb.ApiKey = await owner("CreateApiKey", new(scopes=["users.read", "orders.read"]))
    return made


async def test_a_key_becomes_a_short_token_of_its_account(
    anyone: Door, owner: Door, key: pb.ApiKey
) -> None:
    given = await anyone("ExchangeApiKey", asking(key))
    assert (given.token_type, given.expires_in) == ("Bearer", 300)
    assert given.scope == "orders.read users.read"
    found = claims(given)
    assert (found["sub"], found["sid"], found["role"]) == (owner.user_id, key.id, "STAFF")
    assert (found["scope"], found["exp"] - found["iat"]) == (given.scope, 300)

    program = anyone.with_token(given.access_token, owner.user_id)
    own = user_pb.GetUserRequest(user_id=owner.user_id)
    assert (await program("GetUser", own)).id == owner.user_id
    assert await no(program("CreateApiKey", new())) == "INSUFFICIENT_SCOPE"
    delete = user_pb.DeleteUserRequest(user_id=owner.user_id)
    assert await no(program("DeleteUser", delete)) == "INSUFFICIENT_SCOPE"


async def test_a_token_may_reach_less_than_its_key_and_no_further(
    anyone: Door, owner: Door, key: pb.ApiKey
) -> None:
    given = await anyone("ExchangeApiKey", asking(key, scope="orders.read"))
    assert given.scope == claims(given)["scope"] == "orders.read"
    program = anyone.with_token(given.access_token, owner.user_id)
    own = user_pb.GetUserRequest(user_id=owner.user_id)
    assert await no(program("GetUser", own)) == "INSUFFICIENT_SCOPE"
    for scope in ("orders.write", "orders.read users.write", "everything"):
        assert await no(anyone("ExchangeApiKey", asking(key, scope=scope))) == "INVALID_SCOPE"


async def test_basic_is_as_good_as_the_form(anyone: Door, key: pb.ApiKey) -> None:
    by_header = await anyone("ExchangeApiKey", form(), basic(key.id, key.secret))
    assert claims(by_header)["sid"] == key.id
    both = form(client_id=key.id)
    assert await anyone("ExchangeApiKey", both, basic(key.id, key.secret))


async def test_a_wrong_pair_is_no_client(anyone: Door, key: pb.ApiKey, owner: Door) -> None:
    other = await owner("CreateApiKey", new())
    unknown = secret_of("01900000-0000-7000-8000-000000000000", bytes(32))
    wrong = secret_of(key.id, bytes(32))
    for fields in (
        {"client_secret": wrong},
        {"client_secret": other.secret},
        {"client_secret": "guessed"},
        {"client_secret": ""},
        {"client_id": ""},
        {"client_id": "01900000-0000-7000-8000-000000000000", "client_secret": unknown},
        {"client_id": other.id},
        {"client_id": "' OR true --"},
    ):
        answer = await refused(anyone("ExchangeApiKey", asking(key, **fields)))
        assert (answer.code, answer.reason) == (grpc.StatusCode.UNAUTHENTICATED, "INVALID_CLIENT")
    for header in (basic(key.id, wrong), ("authorization", "Basic ???"), basic("", "")):
        assert await no(anyone("ExchangeApiKey", form(), header)) == "INVALID_CLIENT"


async def test_a_client_that_is_wrong_is_not_told_why(anyone: Door, key: pb.ApiKey) -> None:
    wrong = basic(key.id, secret_of(key.id, bytes(32)))
    assert (await refused(anyone("ExchangeApiKey", form(), wrong))).message == (
        "the API key is not valid"
    )


async def test_a_client_proves_itself_in_one_way(anyone: Door, key: pb.ApiKey) -> None:
    twice = anyone("ExchangeApiKey", asking(key), basic(key.id, key.secret))
    assert await no(twice) == "MALFORMED_REQUEST"
    other = anyone("ExchangeApiKey", form(client_id="other"), basic(key.id, key.secret))
    assert await no(other) == "MALFORMED_REQUEST"


async def test_what_a_form_says_besides_is_ignored(anyone: Door, key: pb.ApiKey) -> None:
    assert await anyone("ExchangeApiKey", asking(key, audience="x", scope="", empty=""))
    charset = asking(key)
    charset.content_type = "Application/X-WWW-Form-URLencoded; charset=utf-8"
    assert await anyone("ExchangeApiKey", charset)


async def test_a_deleted_key_opens_nothing(anyone: Door, owner: Door, key: pb.ApiKey) -> None:
    await owner("DeleteApiKey", pb.DeleteApiKeyRequest(api_key_id=key.id))
    assert await no(anyone("ExchangeApiKey", asking(key))) == "INVALID_CLIENT"


async def test_the_end_of_a_key_is_in_the_feed_of_revocations(
    owner: Door, key: pb.ApiKey, user_pool: Pool
) -> None:
    told = "SELECT count(*) FROM revocations WHERE session_id = $1 AND user_id = $2"
    assert await user_pool.fetchval(told, key.id, owner.user_id) == 0
    await owner("DeleteApiKey", pb.DeleteApiKeyRequest(api_key_id=key.id))
    assert await user_pool.fetchval(told, key.id, owner.user_id) == 1


async def test_a_key_is_no_way_around_a_second_factor_that_a_role_needs(
    key: pb.ApiKey, user_pool: Pool, store: PostgresUserStore, signer: auth.Signer, serve: Serve
) -> None:
    service = pb.DESCRIPTOR.services_by_name["ApiKeyService"]
    keys = PostgresApiKeyStore(user_pool, to_outbox, lambda: None)
    guarded = ApiKeyService(keys, store, signer, TOKENS, [Role.STAFF])
    async with serve([Registration(service, guarded)], Believing()) as channel:
        given = await Door(channel)("ExchangeApiKey", asking(key))
    assert claims(given)["role"] == "CUSTOMER"


async def test_an_expired_key_opens_nothing(
    anyone: Door, owner: Door, key: pb.ApiKey, user_pool: Pool
) -> None:
    ends = "UPDATE api_keys SET expires_at = $2 WHERE id = $1"
    await user_pool.execute(ends, key.id, datetime.now(UTC) + timedelta(seconds=60))
    assert 0 < (await anyone("ExchangeApiKey", asking(key))).expires_in <= 60
    await user_pool.execute(ends, key.id, datetime.now(UTC))
    assert await no(anyone("ExchangeApiKey", asking(key))) == "INVALID_CLIENT"
    (shown,) = (await owner("ListApiKeys", pb.ListApiKeysRequest())).api_keys
    assert shown.id == key.id  # it is seen, and can be deleted


async def test_a_key_can_do_what_its_account_can_do_now(
    anyone: Door, admin_door: Door, owner: Door, key: pb.ApiKey
) -> None:
    before = await anyone("ExchangeApiKey", asking(key))
    demote = user_pb.SetUserRoleRequest(user_id=owner.user_id, role=role_pb2.CUSTOMER)
    await admin_door("SetUserRole", demote)
    assert claims(await anyone("ExchangeApiKey", asking(key)))["role"] == "CUSTOMER"

    await admin_door("SuspendUser", user_pb.SuspendUserRequest(user_id=owner.user_id))
    assert await no(anyone("ExchangeApiKey", asking(key))) == "INVALID_CLIENT"
    program = anyone.with_token(before.access_token, owner.user_id)
    delete = user_pb.DeleteUserRequest(user_id=owner.user_id)
    assert await no(program("DeleteUser", delete)) == "INSUFFICIENT_SCOPE"

    await admin_door("DeleteUser", user_pb.DeleteUserRequest(user_id=owner.user_id))
    assert await no(anyone("ExchangeApiKey", asking(key))) == "INVALID_CLIENT"


async def test_the_last_use_is_shown_and_written_down_once_a_minute(
    anyone: Door, owner: Door, key: pb.ApiKey, user_pool: Pool
) -> None:
    async def version() -> Any:
        return await user_pool.fetchval("SELECT xmin::text FROM api_keys WHERE id = $1", key.id)

    await anyone("ExchangeApiKey", asking(key))
    (shown,) = (await owner("ListApiKeys", pb.ListApiKeysRequest())).api_keys
    used = shown.last_used_at.ToDatetime(UTC)
    assert abs(datetime.now(UTC) - used) < timedelta(minutes=1)
    written = await version()
    await anyone("ExchangeApiKey", asking(key))
    assert await version() == written

    earlier = "UPDATE api_keys SET last_used_at = $2 WHERE id = $1"
    await user_pool.execute(earlier, key.id, used - timedelta(minutes=2))
    await anyone("ExchangeApiKey", asking(key))
    (shown,) = (await owner("ListApiKeys", pb.ListApiKeysRequest())).api_keys
    assert shown.last_used_at.ToDatetime(UTC) >= used


class Full(PostgresApiKeyStore):
    """Keys that can be read and not changed, as on a full disk."""

    async def note_use(self, key_id: str, now: datetime) -> None:
        raise errors.OutOfSpace("the database has no room left")


async def test_a_use_that_cannot_be_written_down_is_a_use_all_the_same(
    key: pb.ApiKey, user_pool: Pool, store: PostgresUserStore, signer: auth.Signer, serve: Serve
) -> None:
    service = pb.DESCRIPTOR.services_by_name["ApiKeyService"]
    full = ApiKeyService(Full(user_pool, to_outbox, lambda: None), store, signer, TOKENS)
    async with serve([Registration(service, full)], Believing()) as channel:
        with capture_logs() as logs:
            given = await Door(channel)("ExchangeApiKey", asking(key))
    assert given.access_token
    (warning,) = [line for line in logs if line["event"] == "api_key.use_not_noted"]
    assert (warning["api_key_id"], warning["reason"]) == (key.id, "OUT_OF_SPACE")
    assert key.secret not in str(logs)


async def test_no_secret_is_logged_or_told(anyone: Door, key: pb.ApiKey) -> None:
    with capture_logs() as logs:
        given = await anyone("ExchangeApiKey", asking(key))
        told = [
            await refused(anyone("ExchangeApiKey", asking(key, scope=key.secret))),
            await refused(anyone("ExchangeApiKey", asking(key, grant_type=key.secret))),
            await refused(anyone("ExchangeApiKey", form(), basic(key.id, key.secret + "x"))),
        ]
    for text in (str(logs), *(str(each.status) for each in told)):
        assert key.secret not in text
        assert given.access_token not in text
