"""Which calls leave a record, and what it says: by the contract alone."""

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from server.kit.audit.record import AuditRecord
from server.kit.audit.sink import Describe
from server.kit.call.audited import Audited, subject_of
from server.kit.call.method import methods
from server.kit.context import Caller, Context, Role
from server.kit.errors import Conflict, Forbidden, NotFound
from tests.discovery import contract
from tests.server.conftest import Token
from tests.server.kit.audit.records import NOON
from tests.server.kit.conftest import Running
from tests.server.kit.ping import Ping, described, echo, request
from tests.server.refusals import refused

OF_THE_CONTRACT = {
    f"{service.name}/{method.name}": method for service in contract() for method in methods(service)
}
# Services whose changes all have to do with what callers prove themselves with.
ABOUT_CREDENTIALS = {
    "ApiKeyService",
    "TotpService",
    "AuthService",
    "SessionService",
    "EmailLinkService",
}
BESIDES = {
    "CartService/CreateCart": "tells the secret of a cart without an owner",
    "WebhookService/CreateWebhook": "tells the secret of a webhook",
    "WebhookService/GetWebhook": "may tell it, by its answer's type",
    "WebhookService/UpdateWebhook": "may tell it, by its answer's type",
    "WebhookService/RotateWebhookSecret": "tells the secret of a webhook",
    "UserService/CreateUser": "takes a password",
    "UserService/DeleteUser": "says so: sessions and credentials end with the account",
    "PersonalDataService/EraseActivity": "says so: a service does it to whomever it names",
    "PersonalDataService/EraseBuyer": "says so: a service does it to whomever it names",
}

ME, OTHER = str(uuid.uuid4()), str(uuid.uuid4())


class Sink:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[AuditRecord] = []
        self.begun: list[Describe] = []

    def begin(self, describe: Describe) -> None:
        self.begun.append(describe)

    def add(self, describe: Describe) -> None:
        if record := describe():
            self.records.append(record)

    @property
    def only(self) -> AuditRecord:
        [record] = self.records
        return record


@pytest.fixture
def sink() -> Sink:
    return Sink()


def refuse_discount() -> None:
    raise Forbidden("only staff may give a discount")


@pytest_asyncio.fixture
async def watched(running: Running, sink: Sink) -> AsyncIterator[Ping]:
    """A ping service whose calls leave records; `text` says how it answers."""

    async def behave(message: Any, context: Context) -> Any:
        if message.text == "missing":
            raise NotFound("no such thing")
        if message.text == "conflict":
            raise Conflict("not now")
        if message.text == "discount":
            context.needs_role(refuse_discount, has_it=context.signed_in.is_staff)
        if message.text == "of mine":
            context.subject = ME
        return await echo(message, context)

    async with running(behave, audit=sink) as started:
        yield started


def test_the_contract_says_which_calls_are_kept_whoever_makes_them() -> None:
    kept = {name for name, method in OF_THE_CONTRACT.items() if method.is_audited}
    changes = {
        name
        for name, method in OF_THE_CONTRACT.items()
        if name.partition("/")[0] in ABOUT_CREDENTIALS and not method.is_read
    }
    assert kept == changes | {*BESIDES}


def test_whoever_has_to_do_with_a_secret_is_kept_the_day_it_is_written() -> None:
    text = """
        syntax = "proto3";
        package secrets.v1;
        import "emporium/options/v1/options.proto";
        message Ask { string code = 1 [debug_redact = true]; }
        message Tell { string word = 1; }
        service SecretService {
          rpc Open(Ask) returns (Tell) {
            option (emporium.options.v1.access) = {audience: PUBLIC};
          }
          rpc Give(Tell) returns (Ask) {
            option (emporium.options.v1.access) = {audience: PUBLIC};
          }
          rpc Talk(Tell) returns (Tell) {
            option (emporium.options.v1.access) = {audience: PUBLIC};
          }
        }
    """
    found = {each.name: each.is_audited for each in methods(described(text, "secrets.proto"))}
    assert found == {"Open": True, "Give": True, "Talk": False}


@pytest.mark.parametrize("role", ["STAFF", "ADMIN"])
async def test_what_a_role_opens_is_kept(
    watched: Ping, sink: Sink, token: Token, role: str
) -> None:
    headers = {"x-request-id": "the-call", "x-forwarded-for": "10.0.0.1, 192.0.2.7"}
    await watched.call("Staff", token=token(role, ME), headers=headers)
    kept = sink.only
    assert (kept.action, kept.outcome) == ("ping.v1.PingService/Staff", "OK")
    assert (kept.actor_id, kept.actor_role) == (ME, Role(role))
    assert (kept.request_id, kept.address) == ("the-call", "192.0.2.7")
    assert kept.device.startswith("grpc-python")
    assert kept.first_at == kept.last_at


async def test_so_is_what_it_did_not_manage(watched: Ping, sink: Sink, token: Token) -> None:
    await refused(watched.call("Staff", request(text="conflict"), token("STAFF")))
    await refused(watched.call("Staff", request(text="missing"), token("STAFF")))
    assert [each.outcome for each in sink.records] == ["CONFLICT", "ROUTE_NOT_FOUND"]


@pytest.mark.parametrize("name", ["Owned", "OwnedByStore"])
async def test_of_what_is_owned_staff_leave_a_record_where_it_is_anothers(
    watched: Ping, sink: Sink, token: Token, name: str
) -> None:
    await watched.call(name, request(owner_id=OTHER), token("STAFF", ME))
    assert sink.only.outcome == "OK"


async def test_what_is_for_roles_alone_is_kept_whomever_it_is_about(
    watched: Ping, sink: Sink, token: Token
) -> None:
    await watched.call("Staff", request(text="of mine"), token("STAFF", ME))
    assert (sink.only.actor_id, sink.only.subject_id) == (ME, ME)


async def test_what_an_rpc_does_for_a_role_alone_is_kept_and_the_rest_is_not(
    watched: Ping, sink: Sink, token: Token
) -> None:
    await watched.call("Person", request(text="full price"), token("STAFF", ME))
    assert sink.records == []
    assert sink.begun[-1]() is None
    await watched.call("Person", request(text="discount"), token("STAFF", ME))
    assert sink.only.outcome == "OK"
    described = sink.begun[-1]()
    assert described
    assert described.outcome == "OK"
    await refused(watched.call("Person", request(text="discount"), token("CUSTOMER", ME)))
    assert sink.records[-1].outcome == "PERMISSION_DENIED"


async def test_the_owner_leaves_none(watched: Ping, sink: Sink, token: Token) -> None:
    await watched.call("Owned", request(owner_id=ME), token("CUSTOMER", ME))
    await watched.call("OwnedByStore", request(owner_id=ME), token("CUSTOMER", ME))
    for name in ("Ping", "SignedIn", "Person", "Create"):
        await watched.call(name, request(text="a"), token("ADMIN", ME))
    assert sink.records == []


async def test_services_leave_none(watched: Ping, sink: Sink, token: Token) -> None:
    await watched.call("Internal", token=token("SERVICE"))
    await watched.call("FreshAnyone", token=token("SERVICE"))
    assert sink.records == []


@pytest.mark.parametrize(
    ("name", "role", "outcome"),
    [
        ("Person", "", "UNAUTHENTICATED"),
        ("Ping", "forged", "INVALID_TOKEN"),
        ("Staff", "CUSTOMER", "PERMISSION_DENIED"),
        ("Internal", "ADMIN", "PERMISSION_DENIED"),
        ("Person", "SERVICE", "PERMISSION_DENIED"),
        ("Owned", "CUSTOMER", "ORDER_NOT_FOUND"),
    ],
)
async def test_who_is_refused_leaves_a_record(
    watched: Ping, sink: Sink, token: Token, name: str, role: str, outcome: str
) -> None:
    sent = token(role) if role in {*Role} else role
    await refused(watched.call(name, request(owner_id=OTHER), sent))
    assert sink.only.outcome == outcome
    assert bool(sink.only.actor_id) == (role in {*Role})


async def test_what_an_owner_does_not_find_may_be_anothers(
    watched: Ping, sink: Sink, token: Token
) -> None:
    await refused(watched.call("OwnedByStore", request(text="missing"), token("CUSTOMER", ME)))
    assert sink.only.outcome == "ROUTE_NOT_FOUND"


async def test_what_nobody_finds_is_no_refusal(watched: Ping, sink: Sink, token: Token) -> None:
    await refused(watched.call("Ping", request(text="missing"), token("CUSTOMER")))
    await refused(watched.call("Person", request(text="conflict"), token("CUSTOMER")))
    await refused(watched.call("Ping", request(text="x" * 30)))
    assert sink.records == []


async def test_without_a_sink_nothing_is_kept(ping: Ping, token: Token) -> None:
    assert await ping.call("Staff", token=token("ADMIN"))


async def test_a_change_is_described_before_it_is_made(
    watched: Ping, sink: Sink, token: Token
) -> None:
    await watched.call("Staff", token=token("STAFF", ME))
    await watched.call("OwnedByStore", request(owner_id=ME), token("CUSTOMER", ME))
    await watched.call("Ping", token=token("ADMIN", ME))
    by_staff, by_owner = sink.begun
    described_again = by_staff()
    assert described_again is not None
    assert described_again.actor_id == ME
    assert by_owner() is None, "it is his own"


@pytest.mark.parametrize("said", ["ann@example.com", "", "x" * 300, "{user_id}", ME + "@"])
def test_a_resource_is_named_by_ids_and_nothing_else(said: str) -> None:
    context = Context({}, None)
    method = OF_THE_CONTRACT["UserService/GetUser"]
    context.caller = Caller(OTHER, Role.ADMIN, expires_at=0.0)
    context.request = method.request(user_id=said)
    record = Audited(method).record(context, None, NOON)
    assert record is not None
    assert (record.resource, record.subject_id) == ("", "")
    context.request = method.request(user_id=ME.upper())
    record = Audited(method).record(context, None, NOON)
    assert record is not None
    assert (record.resource, record.subject_id) == (f"/api/v1/users/{ME.upper()}", ME)


def test_whom_a_call_is_about_is_read_from_its_messages() -> None:
    login = OF_THE_CONTRACT["AuthService/Login"]
    context = Context({}, None)
    context.request = login.request(email="ann@example.com")
    assert subject_of(context) == ""
    context.response = login.response(user={"id": ME})
    assert subject_of(context) == ME
    context.subject = OTHER
    assert subject_of(context) == OTHER, "the servicer knows best"
    context = Context({}, None)
    context.response = OF_THE_CONTRACT["OrderService/GetOrder"].response(user_id=OTHER)
    assert subject_of(context) == OTHER
