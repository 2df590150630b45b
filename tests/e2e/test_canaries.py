"""Canaries: what callers say is in no log, in no error and in no audit record."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg
import grpc
import httpx
import pytest
import pytest_asyncio
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from emporium import AuditEvent, Emporium
from server.kit.call.method import Method, methods
from server.local.cluster import Cluster
from tests.discovery import contract
from tests.e2e.conftest import target, throwaway_cluster

CANARY = "canary7c1f"
EMAIL = f"{CANARY}@example.com"
TEXTS = (CANARY, EMAIL, f"{CANARY}\0", f"{CANARY}\u2028", f"{CANARY}:asc", "x" * 300 + CANARY)


class Told(NamedTuple):
    """What the doors answered, the folder of the logs, and the audit log in both its forms."""

    answers: list[str]
    logs: Path
    rows: list[str]
    listed: list[AuditEvent]


# The first waits for a cluster, and for every field of every call by each door.
pytestmark = pytest.mark.timeout(300)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def told(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator["Told"]:
    """Everything that is told where the canaries have called, in a cluster that has ended."""
    home = tmp_path_factory.mktemp("canaries")
    answers: list[str] = []
    async with throwaway_cluster(home, seed="none") as cluster:
        await _by_grpc(cluster, answers)
        await _by_rest(cluster, answers)
        await _in_paths(cluster, answers)
        await _as_names(cluster)
        rows, listed = await _audited(cluster)
        logs = cluster.home.logs
    yield Told(answers, logs, rows, listed)


def filled(message: type[Any], text: str) -> Any:
    """A message with `text` in every field that takes one, however deep."""
    made = message()
    _fill(made, message.DESCRIPTOR, text, 3)
    return made


def _fill(made: Any, kind: Descriptor, text: str, levels: int) -> None:
    for field in kind.fields:
        if field.message_type and field.message_type.GetOptions().map_entry:
            continue
        if field.message_type:
            if levels and not field.message_type.full_name.startswith("google."):
                part = getattr(made, field.name)
                _fill(
                    part.add() if field.is_repeated else part, field.message_type, text, levels - 1
                )
        elif field.type in (FieldDescriptor.TYPE_STRING, FieldDescriptor.TYPE_BYTES):
            value = text.encode() if field.type == FieldDescriptor.TYPE_BYTES else text
            if field.is_repeated:
                getattr(made, field.name).append(value)
            else:
                setattr(made, field.name, value)


def every_rpc() -> list[tuple[str, Method]]:
    return [(service.full_name, method) for service in contract() for method in methods(service)]


async def _by_grpc(cluster: Cluster, answers: list[str]) -> None:
    for door in ("edge", "service"):
        for service, method in every_rpc():
            where = target(cluster, door, service.split(".")[1])
            async with grpc.aio.insecure_channel(where) as channel:
                answers += [
                    await _called(channel, service, method, text, token)
                    for text in TEXTS
                    for token in (cluster.token("admin"), CANARY)
                ]


async def _called(
    channel: grpc.aio.Channel, service: str, method: Method, text: str, token: str
) -> str:
    call: Any = channel.unary_unary(
        f"/{service}/{method.name}",
        request_serializer=lambda request: request.SerializeToString(),
        response_deserializer=method.response.FromString,
    )
    metadata = [
        ("authorization", f"Bearer {token}"),
        ("idempotency-key", f"W/{CANARY}"),
        ("if-match", f"W/{CANARY}"),
        ("traceparent", CANARY),
        ("x-of-ours", CANARY),
    ]
    try:
        await call(filled(method.request, text), metadata=metadata, timeout=10)
    except grpc.aio.AioRpcError as error:
        return f"{error.details()} {error.initial_metadata()} {error.trailing_metadata()}"
    return ""


async def _by_rest(cluster: Cluster, answers: list[str]) -> None:
    names = [
        (method, field.name)
        for _, method in every_rpc()
        if method.rest
        for field in method.request.DESCRIPTOR.fields
    ]
    headers = {
        "authorization": f"Bearer {cluster.token('admin')}",
        "content-type": "application/json",
        "x-of-ours": CANARY,
        "cookie": CANARY,
        "user-agent": CANARY,
    }
    async with httpx.AsyncClient(base_url=cluster.edge_url, timeout=20) as client:
        person = {"email": EMAIL, "full_name": CANARY, "password": f"{CANARY} {CANARY}"}
        login = {"email": EMAIL, "password": f"{CANARY} not"}
        forgot, reset = {"email": EMAIL}, {"token": CANARY, "password": f"{CANARY} {CANARY}"}
        for path, body in (
            ("users", person),
            ("users", person),
            ("auth/login", login),
            ("auth/password:forgot", forgot),
            ("auth/password:reset", reset),
            ("auth/email:verify", {"token": CANARY}),
        ):
            answers.append(_refusal(await client.post(f"/api/v1/{path}", json=body)))
        for method, name in names:
            assert method.rest
            path = method.rest.path.replace("{", "").replace("}", "")  # such as /users/user_id
            for verb in ("GET", "POST", "PATCH", "DELETE"):
                for query in ("", f"?{name}={CANARY}"):
                    said = json.dumps({name: CANARY})
                    answer = await client.request(
                        verb, f"{path}{query}", headers=headers, content=said
                    )
                    answers.append(_refusal(answer))
            answers.append(_refusal(await client.get(f"{path}?{name}={CANARY}", headers=headers)))


async def _in_paths(cluster: Cluster, answers: list[str]) -> None:
    """In every placeholder, behind every path, and in the name of an rpc."""
    paths = {method.rest.path for _, method in every_rpc() if method.rest}
    said = {re.sub(r"\{[^}]*\}", EMAIL, path) for path in paths}
    said |= {f"{path}{end}" for path in said for end in (f"/{CANARY}", CANARY, f":{CANARY}")}
    said |= {f"/{CANARY}", f"/api/v1/{CANARY}", f"/emporium.user.v1.UserService/{CANARY}"}
    headers = {"authorization": f"Bearer {cluster.token('admin')}"}
    async with httpx.AsyncClient(base_url=cluster.edge_url, timeout=20) as client:
        for path in sorted(said):
            for verb in ("GET", "POST", "OPTIONS"):
                answer = await client.request(verb, path, headers=headers)
                answers.append(_refusal(answer))
    for door in ("edge", "service"):
        async with grpc.aio.insecure_channel(target(cluster, door, "user")) as channel:
            call: Any = channel.unary_unary(f"/emporium.user.v1.UserService/{CANARY}")
            with pytest.raises(grpc.aio.AioRpcError):
                await call(b"", timeout=10)


async def _as_names(cluster: Cluster) -> None:
    """As names of fields, which the answer alone may repeat."""
    headers = {"authorization": f"Bearer {cluster.token('admin')}"}
    bodies = (
        {CANARY: "x"},
        {"items": [{CANARY: 1}]},
        {"properties": {CANARY: "\0"}, "event_type": "page_view"},
        {"properties": {f"{CANARY}]": "x" * 5000}},
        {"properties": [{CANARY: 1, f"+{CANARY}": 1}]},
    )
    async with httpx.AsyncClient(base_url=cluster.edge_url, timeout=20) as client:
        for path in sorted({method.rest.path for _, method in every_rpc() if method.rest}):
            for verb in ("GET", "POST", "PATCH", "DELETE"):
                await client.request(verb, f"{path}?{CANARY}=1", headers=headers)
                for body in bodies:
                    await client.request(verb, path, headers=headers, json=body)
        named = await client.post("/api/v1/auth/login", json={CANARY: "x"})
        assert CANARY in named.text, "else nobody had it to log"


async def _audited(cluster: Cluster) -> tuple[list[str], list[AuditEvent]]:
    """The tables of the audit log, and what an admin reads of it."""
    async with Emporium(cluster.edge_url.removeprefix("http://")) as shop:
        shop.token = cluster.token("admin")
        listed = [event async for event in shop.audit.list(per_page=100)]
    connection = await asyncpg.connect(cluster.record.postgres["user"])
    try:
        rows = [
            str(row["row"])
            for table in ("audit_logs", "audit_origins", "audit_keys")
            for row in await connection.fetch(f"SELECT {table}::text AS row FROM {table}")
        ]
    finally:
        await connection.close()
    return rows, listed


def _refusal(answer: httpx.Response) -> str:
    """What a refusal said; an account that was read may of course hold what was written."""
    return "" if answer.is_success else f"{answer.text} {answer.headers}"


async def test_no_error_repeats_what_it_was_told(told: Told) -> None:
    answers = told.answers
    assert sum(map(bool, answers)) > 100, "else nothing was refused"
    assert not [answer[:1000] for answer in answers if CANARY in answer]


async def test_the_audit_log_holds_nothing_that_anybody_said(told: Told) -> None:
    found = {each.action.rpartition("/")[2] for each in told.listed}
    assert {"Login", "CreateUser", "ResetPassword", "ListUsers"} <= found, "else it was not kept"
    assert len(told.rows) > len(told.listed)
    assert not [row for row in told.rows if CANARY in row or CANARY.encode().hex() in row]
    for event in told.listed:
        event.ClearField("device")  # what it calls itself, sealed at rest
        assert CANARY not in str(event)


async def test_no_log_repeats_what_anybody_said(told: Told) -> None:
    logs = told.logs
    found = {
        log.name: [
            line[:1000] for line in log.read_text(errors="replace").splitlines() if CANARY in line
        ]
        for log in logs.iterdir()
    }
    assert {"user.log", "order.log", "analytics.log", "envoy.log", "postgres.log"} <= set(found)
    assert not {name: lines[:5] for name, lines in found.items() if lines}


async def test_the_logs_do_tell_of_the_calls(told: Told) -> None:
    """The control: the same lines are found by something that may be told."""
    logs = told.logs
    assert "EMAIL_TAKEN" in (logs / "user.log").read_text()
    assert "VALIDATION_FAILED" in (logs / "order.log").read_text()
