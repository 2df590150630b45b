"""What tests of servicers share: keys and tokens, databases of their own, a server to call."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import grpc
import pytest
from prometheus_client import CollectorRegistry

from server.kit import auth
from server.kit.audit.sink import AuditSink
from server.kit.call.chain import pipeline
from server.kit.call.grpc_aio import generic_handler
from server.kit.call.in_flight import InFlight
from server.kit.call.metrics import CallMetrics
from server.kit.context import Role
from server.kit.lifecycle import Registration
from server.kit.postgres import migrate
from server.kit.revocations import Revocations, UnrevokedTokens
from server.kit.standing import Accounts
from server.local.engines.postgres import EmbeddedPostgres
from server.services import ORDER, SERVICES, named
from server.settings import Postgres

Token = Callable[..., str]
Serve = Callable[..., AbstractAsyncContextManager[grpc.aio.Channel]]
NewDatabase = Callable[[str], Awaitable[Postgres]]

DEADLINE_SECONDS = 5.0
KEY_SECRET = b"what bodies are hashed with"


@pytest.fixture(scope="session")
def signer() -> auth.Signer:
    """Signs for users, as the user service does."""
    return auth.Signer(auth.new_key("user-1"), lifetime_seconds=600)


@pytest.fixture(scope="session")
def service_signer() -> auth.Signer:
    """Signs for the order service."""
    return auth.Signer(auth.new_key("service:order-1"), lifetime_seconds=600)


@pytest.fixture(scope="session")
def service_signers(service_signer: auth.Signer) -> dict[str, auth.Signer]:
    """What signs for each service, by its name."""
    others = [each.name for each in SERVICES if each is not ORDER]
    return {ORDER.name: service_signer} | {
        name: auth.Signer(auth.new_key(f"service:{name}-1"), lifetime_seconds=600)
        for name in others
    }


@pytest.fixture(scope="session")
def verifier(signer: auth.Signer, service_signers: dict[str, auth.Signer]) -> auth.Verifier:
    """Believes all signers."""
    signers = [signer, *service_signers.values()]
    return auth.Verifier(auth.jwks([each.public_key for each in signers]))


@pytest.fixture(scope="session")
def token(signer: auth.Signer, service_signers: dict[str, auth.Signer]) -> Token:
    """`token("STAFF", user_id)`: a good token; `token("SERVICE", "user")`: the user service's.

    `token("SERVICE")` is the order service's.
    """

    def make(role: str, user_id: str | None = None) -> str:
        if role == "SERVICE":
            name = user_id or ORDER.name
            return service_signers[name].sign(f"service:{name}", Role.SERVICE)
        return signer.sign(user_id or str(uuid.uuid4()), Role(role))

    return make


@pytest.fixture(scope="session")
def serve(verifier: auth.Verifier) -> Serve:
    """`async with serve(registrations, accounts, audit) as channel`: with the whole pipeline.

    Tokens are believed until they expire, unless there are `revocations`.
    """

    @asynccontextmanager
    async def start(
        registrations: Sequence[Registration],
        accounts: Accounts | None = None,
        audit: AuditSink | None = None,
        revocations: Revocations | None = None,
    ) -> AsyncIterator[grpc.aio.Channel]:
        metrics = CallMetrics(CollectorRegistry())
        tokens = verifier if revocations is None else UnrevokedTokens(verifier, revocations)
        calls = pipeline(tokens, metrics, InFlight(), DEADLINE_SECONDS, KEY_SECRET, accounts, audit)
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers(
            [generic_handler(each.service, each.servicer, calls) for each in registrations]
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield channel
        await server.stop(0)

    return start


@pytest.fixture(scope="session")
def new_database(postgres: EmbeddedPostgres) -> NewDatabase:
    """`await new_database("user")`: settings of a fresh, migrated database of that service."""

    async def create(service: str) -> Postgres:
        database = migrate.Database(
            f"emporium_{service}_{uuid.uuid4().hex[:8]}", "owner-password", "service-password"
        )
        await migrate.prepare_postgres(postgres.admin_dsn, database)
        owner = migrate.dsn(
            postgres.admin_dsn, database.owner, database.owner_password, database.name
        )
        await asyncio.to_thread(
            migrate.upgrade, owner, named(service).migrations_folder("postgres")
        )
        url = migrate.dsn(
            postgres.admin_dsn, database.name, database.service_password, database.name
        )
        return Postgres(database_url=url, pool_size_max=20)

    return create
