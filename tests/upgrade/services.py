"""The three services over an upgraded home, and the relay between them."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from prometheus_client import CollectorRegistry

from emporium import Emporium, Targets
from emporium.analytics.v1.report_service_pb2 import SalesReport
from server.analytics import app as analytics_app
from server.analytics.migrations import mongo as mongo_migrations
from server.kit import auth, outbox, postgres
from server.kit import mongo as kit_mongo
from server.kit.auth import Signer
from server.kit.call.chain import pipeline
from server.kit.call.grpc_aio import generic_handler
from server.kit.call.in_flight import InFlight
from server.kit.call.metrics import CallMetrics
from server.kit.context import Caller, Role
from server.kit.lifecycle import Registration
from server.kit.outbox import Event
from server.kit.postgres import Pool, migrate
from server.order import app as order_app
from server.order.neighbours import Buyer
from server.order.neighbours.analytics import AnalyticsDestination
from server.services import ORDER, USER
from server.settings import Shop, Tokens
from server.user import app as user_app
from server.user.app.callers import standings
from server.user.passwords.hashing import hashing
from tests.server.tokens import TOKENS
from tests.server.user.conftest import unheard
from tests.upgrade import loading
from tests.upgrade.conftest import Home

TIMEOUT_SECONDS = 30.0
CHEAPEST_BCRYPT = 4
SHOP = Shop(shop_currency="GBP")
STAFF = {"user_id": "01900000-0000-7000-8000-000000000000", "role": "STAFF"}

# Of what was told before there were these, nothing is known (CHANGELOG).
_LATER = ("captured", "paid_back")


class NoUsers:
    """Nobody asks it: orders are placed and sent without looking at accounts."""

    async def get(self, user_id: str) -> Buyer:
        raise NotImplementedError

    async def get_many(self, user_ids: Sequence[str]) -> Mapping[str, Buyer]:
        raise NotImplementedError


class Believing:
    """Accounts of callers who are believed: theirs are not among the facts."""

    async def current(self, caller: Caller, *, exact: bool) -> Caller:
        return caller


class WatchedAnalytics(AnalyticsDestination):
    """Remembers which events have arrived."""

    def __init__(self, shop: Emporium) -> None:
        super().__init__(shop)
        self._arrived: set[str] = set()
        self._more = asyncio.Condition()

    async def send(self, events: Sequence[Event]) -> None:
        await super().send(events)
        async with self._more:
            self._arrived.update(event.id for event in events)
            self._more.notify_all()

    async def until_arrived(self, ids: set[str]) -> None:
        """Returns when exactly these have."""
        async with asyncio.timeout(TIMEOUT_SECONDS), self._more:
            await self._more.wait_for(lambda: self._arrived >= ids)
        assert self._arrived == ids


class Upgraded:
    """The three services over an upgraded home, and keys to call them with."""

    def __init__(self, home: Home) -> None:
        self.home = home
        key = json.loads((loading.FOLDER / "signing-key-of-tests.json").read_text("utf-8"))
        self.user_signer = Signer(key, lifetime_seconds=600)
        self.order_signer = Signer(auth.new_key("service:order-1"), lifetime_seconds=600)
        self._keys = [self.user_signer.public_key, self.order_signer.public_key]
        self._methods: dict[str, MethodDescriptor] = {}
        self._ports: dict[str, int] = {}
        self.order_pool: Pool
        self.user_pool: Pool
        self.mongo: kit_mongo.Database

    async def start(self, stack: AsyncExitStack) -> None:
        await asyncio.to_thread(
            migrate.upgrade, self.home.user_owner, USER.migrations_folder("postgres")
        )
        await asyncio.to_thread(
            migrate.upgrade, self.home.order_owner, ORDER.migrations_folder("postgres")
        )
        settings = self.home.mongo
        await mongo_migrations.upgrade(settings.mongodb_uri, settings.mongodb_database)

        self.order_pool = await stack.enter_async_context(postgres.connected(self.home.order))
        self.user_pool = await stack.enter_async_context(postgres.connected(self.home.user))
        self.mongo = await stack.enter_async_context(kit_mongo.connected(settings))
        hasher = await stack.enter_async_context(hashing(CHEAPEST_BCRYPT, 1))
        unasked = await stack.enter_async_context(
            standings(self.user_pool, unheard(self.user_pool))
        )
        for registrations in (
            user_app.registrations(
                self.user_pool,
                self.mongo,
                hasher,
                self.user_signer,
                lambda: None,
                unasked,
                Tokens(),
            ),
            order_app.registrations(
                self.order_pool, NoUsers(), lambda: None, SHOP.shop_currency, TOKENS
            ),
            analytics_app.registrations(self.mongo, SHOP.shop_currency),
        ):
            await self._serve(stack, registrations)

    async def _serve(self, stack: AsyncExitStack, registrations: Sequence[Registration]) -> None:
        calls = pipeline(
            auth.Verifier(auth.jwks(self._keys)),
            CallMetrics(CollectorRegistry()),
            InFlight(),
            TIMEOUT_SECONDS,
            self.user_signer.secret("idempotency"),
            Believing(),
        )
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        server.add_generic_rpc_handlers(
            [generic_handler(each.service, each.servicer, calls) for each in registrations]
        )
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        stack.push_async_callback(server.stop, 0)
        for each in registrations:
            for method in each.service.methods:
                name = f"{each.service.full_name}/{method.name}"
                self._methods[name], self._ports[name] = method, port

    async def call(self, sent: dict[str, Any]) -> Message:
        """Sends a request as it stands in the facts."""
        method, port = self._methods[sent["rpc"]], self._ports[sent["rpc"]]
        request = ParseDict(sent["request"], GetMessageClass(method.input_type)())
        metadata = []
        if caller := sent["caller"]:
            token = self.user_signer.sign(caller["user_id"], Role(caller["role"]))
            metadata.append(("authorization", f"Bearer {token}"))
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            call: Any = channel.unary_unary(
                f"/{sent['rpc']}",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=GetMessageClass(method.output_type).FromString,
            )
            answer: Message = await call(request, metadata=metadata)
            return answer

    def answer_of(self, sent: dict[str, Any]) -> Message:
        """What the facts say that it must be answered."""
        method = self._methods[sent["rpc"]]
        return ParseDict(sent["answer"], GetMessageClass(method.output_type)())

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[tuple[WatchedAnalytics, outbox.Wake]]:
        """The order service's relay at work, towards the real analytics."""
        port = self._ports["emporium.analytics.v1.DomainEventService/RecordDomainEvents"]
        token = self.order_signer.sign("service:order", Role.SERVICE)
        async with Emporium(Targets(analytics=f"127.0.0.1:{port}"), token=token) as shop:
            analytics = WatchedAnalytics(shop)
            async with outbox.relaying(
                self.order_pool,
                self.home.order.database_url,
                [analytics],
                metrics=outbox.OutboxMetrics(CollectorRegistry()),
            ) as wake:
                yield analytics, wake

    async def report(self, currency: str) -> dict[str, Any]:
        """All days, as JSON, with the figures that there were at the release that is upgraded."""
        rpc = "emporium.analytics.v1.ReportService/GetSalesReport"
        sent = {"rpc": rpc, "caller": STAFF, "request": {"currency": currency}}
        answer = await self.call(sent)
        assert isinstance(answer, SalesReport)
        whole: dict[str, Any] = MessageToDict(
            answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )
        for sales in (whole.get("total", {}), *(day["sales"] for day in whole["days"])):
            for later in _LATER:
                sales.pop(later, None)
        return whole

    async def known_orders(self) -> set[str]:
        """The ids of the orders that analytics has heard of."""
        return {str(order["_id"]) async for order in self.mongo.collection("orders").find({})}

    async def waiting(self) -> int:
        """How many events the outboxes hold."""
        count = "SELECT count(*) FROM outbox"
        total: int = await self.order_pool.fetchval(count) + await self.user_pool.fetchval(count)
        return total


NewUpgraded = Callable[[], AbstractAsyncContextManager[Upgraded]]
