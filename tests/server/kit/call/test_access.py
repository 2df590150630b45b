"""Who may call, for every audience that the contract can declare."""

import uuid
from collections.abc import Callable

import grpc
import pytest

from server.kit.call.access import AccessRules
from server.kit.call.grpc_aio import generic_handler
from server.kit.call.method import (
    Audience,
    UndeclaredAccess,
    UnknownLocation,
    UnknownPrecondition,
    methods,
)
from server.kit.call.pipeline import Pipeline
from server.kit.context import Caller, Context, Role
from tests.server.conftest import Token
from tests.server.kit.ping import Ping, PingServicer, described, echo, request, service
from tests.server.refusals import refused

ROLES = tuple(role.value for role in Role)

# What stands for each audience among the rpcs of ping.proto, and who may call it.
MAY_CALL = {
    "Ping": {"nobody", *ROLES},
    "SignedIn": set(ROLES),
    "Person": {"CUSTOMER", "STAFF", "ADMIN"},
    "Staff": {"STAFF", "ADMIN"},
    "Internal": {"SERVICE"},
    "Owned": {"STAFF"},  # besides the owner
    "OwnedByStore": {"CUSTOMER", "STAFF", "ADMIN"},  # the store compares
}

FLAWED = """
syntax = "proto3";
package flawed.{name};
import "emporium/options/v1/options.proto";
message Empty {{ string id = 1; }}
service Flawed {{ rpc Do({stream} Empty) returns (Empty) {{ {options} }} }}
"""
ACCESS = "option (emporium.options.v1.access) = "
REASON = "not_found_reason: USER_NOT_FOUND"


def test_every_audience_of_the_contract_is_tried() -> None:
    tried = {method.access.audience for method in methods(service()) if method.name in MAY_CALL}
    assert tried == set(Audience.values()) - {Audience.AUDIENCE_UNSPECIFIED}


@pytest.mark.parametrize("role", ["nobody", *ROLES])
@pytest.mark.parametrize("name", MAY_CALL)
async def test_an_rpc_lets_in_whom_it_declares(
    ping: Ping, token: Token, name: str, role: str
) -> None:
    sent = "" if role == "nobody" else token(role)
    somebody = request(owner_id=str(uuid.uuid4()))
    if role in MAY_CALL[name]:
        assert await ping.call(name, somebody, sent)
        return
    answer = await refused(ping.call(name, somebody, sent))
    if role == "nobody":
        assert answer.code is grpc.StatusCode.UNAUTHENTICATED
    elif name == "Owned" and role != "SERVICE":
        assert answer.code is grpc.StatusCode.NOT_FOUND
    else:
        assert answer.code is grpc.StatusCode.PERMISSION_DENIED


@pytest.mark.parametrize(
    ("name", "role", "scope"),
    [
        ("OwnedByStore", Role.CUSTOMER, "me"),
        ("OwnedByStore", Role.STAFF, None),
        ("OwnedByStore", Role.ADMIN, "me"),
        ("Owned", Role.CUSTOMER, "me"),
        ("Owned", Role.STAFF, None),
    ],
)
def test_declared_roles_reach_everybodys_and_others_their_own(
    name: str, role: Role, scope: str | None
) -> None:
    context = Context({}, time_remaining=None)
    context.caller = Caller("me", role, expires_at=0)
    gate_of(name)(context)
    assert context.owner_scope == scope


@pytest.mark.parametrize("write", [str.lower, str.upper])
async def test_the_owner_gets_in_however_the_id_is_written(
    ping: Ping, token: Token, write: Callable[[str], str]
) -> None:
    owner = str(uuid.uuid4())
    answer = await ping.call("Owned", request(owner_id=write(owner)), token("CUSTOMER", owner))
    assert answer.caller == owner


@pytest.mark.parametrize("owner", ["", "*", "x" * 100_000])
async def test_an_id_that_is_nobodys_is_not_there(ping: Ping, token: Token, owner: str) -> None:
    answer = await refused(ping.call("Owned", request(owner_id=owner), token("CUSTOMER")))
    assert (answer.code, answer.reason) == (grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND")
    assert answer.message == "no such owner"


async def test_a_refused_role_is_told_which_it_needs(ping: Ping, token: Token) -> None:
    answer = await refused(ping.call("Staff", token=token("CUSTOMER")))
    assert answer.message == "needs the role ADMIN or STAFF"


async def test_a_service_that_is_no_person_is_told_so(ping: Ping, token: Token) -> None:
    for name in ("Person", "OwnedByStore"):
        answer = await refused(ping.call(name, token=token("SERVICE")))
        assert (answer.reason, answer.message) == (
            "PERMISSION_DENIED",
            "for people, not for services",
        )


async def test_another_service_than_the_named_is_refused(ping: Ping, token: Token) -> None:
    answer = await refused(ping.call("Internal", token=token("SERVICE", "analytics")))
    assert answer.reason == "PERMISSION_DENIED"
    assert answer.message == "needs the role SERVICE, as the service order"


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("undeclared", ""),
        ("unspecified", ACCESS + '{owner_field: "id"};'),
        ("roleless", ACCESS + "{audience: ROLES};"),
        ("ownerless", ACCESS + '{audience: OWNER owner_field: "user_id" ' + REASON + "};"),
        ("reasonless", ACCESS + '{audience: OWNER owner_field: "id"};'),
        ("faceless", ACCESS + "{audience: PERSON fresh: BY_ROLE};"),
        ("unnamed", ACCESS + "{audience: ROLES roles: [SERVICE]};"),
        ("unneeded", ACCESS + '{audience: ROLES roles: [STAFF] services: ["order"]};'),
        ("shared", ACCESS + '{audience: ROLES roles: [STAFF, SERVICE] services: ["order"]};'),
        ("owned", ACCESS + '{audience: OWNER roles: [SERVICE] services: ["order"]};'),
        ("basic", ACCESS + "{audience: SIGNED_IN takes_basic: true};"),
        ("fieldless", ACCESS + "{audience: OWNER " + REASON + "};"),
        (
            "unfitting",
            ACCESS + '{audience: OWNER owner_field: "id" not_found_reason: PERMISSION_DENIED};',
        ),
    ],
)
def test_a_service_that_leaves_open_who_may_call_does_not_start(name: str, options: str) -> None:
    proto = FLAWED.format(name=name, options=options, stream="")
    with pytest.raises(UndeclaredAccess, match=f"flawed.{name}.Flawed.Do"):
        register(name, proto)


def test_the_owner_of_a_stream_of_requests_cannot_be_declared() -> None:
    options = ACCESS + '{audience: OWNER owner_field: "id" ' + REASON + "};"
    proto = FLAWED.format(name="streamed", options=options, stream="stream")
    with pytest.raises(UndeclaredAccess, match="has no field 'id'"):
        register("streamed", proto)


def test_a_location_that_the_response_cannot_fill_does_not_start() -> None:
    options = ACCESS + "{audience: PUBLIC};"
    options += 'option (emporium.options.v1.success) = {status: 201 location: "/a/{uid}"};'
    proto = FLAWED.format(name="lost", options=options, stream="")
    with pytest.raises(UnknownLocation, match="uid"):
        register("lost", proto)


def test_a_precondition_that_the_request_cannot_name_does_not_start() -> None:
    options = ACCESS + "{audience: PUBLIC};"
    options += "option (emporium.options.v1.precondition_required) = true;"
    proto = FLAWED.format(name="careless", options=options, stream="")
    with pytest.raises(UnknownPrecondition, match="no field 'etag'"):
        register("careless", proto)


def gate_of(name: str) -> Callable[[Context], None]:
    (method,) = (each for each in methods(service()) if each.name == name)
    gate = AccessRules().gate(method)
    assert gate
    assert gate.on_call
    return gate.on_call


def register(name: str, proto: str) -> None:
    layerless = Pipeline((), (), deadline_seconds=1.0)
    generic_handler(described(proto, f"flawed_{name}.proto"), PingServicer(echo), layerless)
