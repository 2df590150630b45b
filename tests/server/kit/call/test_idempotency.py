"""What makes a call known again."""

from types import SimpleNamespace
from typing import Any

import pytest

from emporium.user.v1 import user_service_pb2
from server.kit import errors
from server.kit.call.idempotency import IdempotencyKeys, NoHashSecret, answering_repeats
from server.kit.call.method import Method, methods
from server.kit.context import Caller, Context, Key, Role
from tests.server.kit.ping import described

PING = """
    syntax = "proto3";
    package keys.v1;
    import "emporium/options/v1/options.proto";
    service KeyService {
      rpc Plain(KeyRequest) returns (KeyRequest) {
        option (emporium.options.v1.access) = {audience: PUBLIC};
      }
      rpc Named(KeyRequest) returns (KeyRequest) {
        option (emporium.options.v1.access) = {audience: PUBLIC anonymous_field: "name"};
      }
      rpc Secret(SecretRequest) returns (KeyRequest) {
        option (emporium.options.v1.access) = {audience: PUBLIC};
      }
      rpc Keyless(KeylessRequest) returns (KeyRequest) {
        option (emporium.options.v1.access) = {audience: PUBLIC};
      }
    }
    message KeyRequest { string request_id = 1; string name = 2; map<string, int32> counts = 3; }
    message SecretRequest { string request_id = 1; string word = 2 [debug_redact = true]; }
    message KeylessRequest { string name = 1; }
"""
SERVICE = described(PING, "keys.proto")
METHODS = {method.name: method for method in methods(SERVICE)}
SECRET = b"sixteen bytes or more"
KEY = Key("ann", "keys.v1.KeyService/Plain", "one", b"a hash")


def key_of(
    method: Method, *, caller: str | None = "ann", secret: bytes = SECRET, **fields: Any
) -> Key | None:
    gate = IdempotencyKeys(secret).gate(method)
    assert gate is not None
    assert gate.on_message is not None
    context = Context({}, None)
    context.caller = Caller(caller, Role.CUSTOMER, 0.0) if caller else None
    gate.on_message(method.request(**{"request_id": "one", **fields}), context)
    return context.key


def test_without_a_request_id_there_is_no_key() -> None:
    assert key_of(METHODS["Plain"], request_id="") is None


def test_an_rpc_without_the_field_costs_nothing() -> None:
    assert IdempotencyKeys(SECRET).gate(METHODS["Keyless"]) is None


def test_a_key_is_the_callers_the_rpcs_and_the_bodys() -> None:
    key = key_of(METHODS["Plain"])
    assert key is not None
    assert (key.caller, key.method, key.key) == ("ann", "keys.v1.KeyService/Plain", "one")
    for other in (
        key_of(METHODS["Plain"], caller="bob"),
        key_of(METHODS["Named"]),
        key_of(METHODS["Plain"], request_id="two"),
        key_of(METHODS["Plain"], name="other"),
    ):
        assert other != key


def test_the_same_body_makes_the_same_key_whatever_the_order_of_a_map() -> None:
    forward = key_of(METHODS["Plain"], counts={"a": 1, "b": 2, "c": 3})
    assert forward == key_of(METHODS["Plain"], counts={"c": 3, "b": 2, "a": 1})
    assert forward != key_of(METHODS["Plain"], counts={"a": 1, "b": 2, "c": 4})


def test_callers_without_a_token_are_told_apart_by_the_field_that_the_contract_names() -> None:
    named = METHODS["Named"]
    ann, bob = (key_of(named, caller=None, name=name) for name in ("Ann", "bob"))
    assert ann is not None
    assert bob is not None
    assert (ann.caller, bob.caller) == ("ann", "bob")


def test_who_does_not_know_the_secret_cannot_tell_what_was_hashed() -> None:
    method = METHODS["Secret"]
    first = key_of(method, word="password one")
    assert first == key_of(method, word="password one")
    assert first != key_of(method, word="password two")
    assert first != key_of(method, word="password one", secret=b"of another service")


def test_a_secret_is_never_hashed_without_one() -> None:
    with pytest.raises(NoHashSecret, match="KeyService/Secret"):
        IdempotencyKeys().gate(METHODS["Secret"])


def test_the_password_of_an_account_counts_as_secret() -> None:
    users = user_service_pb2.DESCRIPTOR.services_by_name["UserService"]
    create = next(method for method in methods(users) if method.name == "CreateUser")
    with pytest.raises(NoHashSecret):
        IdempotencyKeys().gate(create)


def refusing(error: Exception) -> object:
    """A servicer that answers every call by `error`."""

    async def handler(request: Any, context: Context) -> Any:
        raise error

    return SimpleNamespace(**dict.fromkeys(METHODS, handler))


async def answered(name: str, error: Exception, first: Any, key: Key | None = KEY) -> Any:
    """What a repeat gets, and what it gets of a call whose first answer is `first`."""

    async def find(asked: Key) -> bytes | None:
        assert asked == key
        return None if first is None else bytes(first.SerializeToString())

    context = Context({}, None)
    context.key = key
    repeatable: Any = answering_repeats(SERVICE, refusing(error), find)
    return await getattr(repeatable, name)(METHODS[name].request(), context)


@pytest.mark.parametrize(
    "error",
    [
        errors.Invalid("stricter by now", field="name"),
        errors.NotFound("gone by now"),
        errors.AlreadyExists("it takes the name itself"),
        errors.Conflict("closed by now"),
        errors.Outdated("read it again"),
    ],
)
async def test_what_is_refused_by_now_gets_its_first_answer(error: errors.EmporiumError) -> None:
    first = METHODS["Plain"].response(name="first")
    assert await answered("Plain", error, first) == first
    for refused in (
        answered("Plain", error, None),
        answered("Plain", error, first, key=None),
        answered("Keyless", error, first),
    ):
        with pytest.raises(type(error)):
            await refused


@pytest.mark.parametrize(
    "error",
    [
        errors.Forbidden("no longer"),
        errors.SessionEnded(),
        errors.Unavailable("later"),
        errors.DeadlineExceeded("too slow"),
        RuntimeError("a defect"),
    ],
)
async def test_who_may_not_ask_or_may_try_again_gets_no_first_answer(error: Exception) -> None:
    with pytest.raises(type(error)):
        await answered("Plain", error, METHODS["Plain"].response(name="first"))
