"""A shop that sells, is paid and gives back: all that there is to compare, and what spoils it."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx

from emporium.order.v1.order_service_pb2 import NewOrderItem, Order
from emporium.order.v1.payment_service_pb2 import Payment
from server.order.app import order_store, registrations
from server.order.app.payments import Payments, paying
from server.settings import Shop as Settings
from tests.server.conftest import Serve, Token
from tests.server.ops.verify.conftest import Shop
from tests.server.order.conftest import SHOP_CURRENCY, FakeAccounts, FakeUsers
from tests.server.order.doors import Door, order_of, payment_of
from tests.server.order.payments.sandboxes import SECRET, SandboxProcess
from tests.server.tokens import TOKENS


@dataclass
class Trade:
    """A shop with a provider, and staff who sell by a door of its order service."""

    shop: Shop
    admin_dsn: str
    sandbox: SandboxProcess
    parts: Payments
    staff: Door

    async def ordered(self, *items: NewOrderItem, **fields: Any) -> Order:
        """An order of 10.00, or of those goods."""
        mug = NewOrderItem(product_name="Mug", unit_price="10.00", quantity=1)
        order: Order = await self.staff("CreateOrder", order_of(*(items or [mug]), **fields))
        return order

    async def paid(self, token: str = "tok_approved", **fields: Any) -> Payment:
        """A payment of an order of its own."""
        order = await self.ordered()
        payment: Payment = await self.staff("CreatePayment", payment_of(order, token, **fields))
        return payment

    async def spoil(self, statement: str, *arguments: Any) -> None:
        """Changes a row past all that guards it, but for what each row must be by itself."""
        name = await self.shop.pool.fetchval("SELECT current_database()")
        connection = await asyncpg.connect(self.admin_dsn, database=name)
        try:
            await connection.execute("SET session_replication_role = replica")
            assert (await connection.execute(statement, *arguments)).split()[-1] != "0"
        finally:
            await connection.close()

    async def done_there(self, path: str, key: str = "", **body: Any) -> str:
        """Something that was done at the provider, and not by us; its key."""
        key = key or str(uuid.uuid4())
        async with httpx.AsyncClient(base_url=self.sandbox.url) as client:
            answer = await client.put(f"/v1/charges/{path}{key}", json=body)
        assert answer.status_code == httpx.codes.OK
        return key


@asynccontextmanager
async def trading(
    shop: Shop, admin_dsn: str, sandbox: SandboxProcess, serve: Serve, token: Token
) -> AsyncIterator[Trade]:
    """A `shop` that trades, while the block runs."""
    settings = Settings(sandbox_url=sandbox.url, sandbox_secret=SECRET, payment_timeout_seconds=1.0)
    shop.sandbox_url = sandbox.url
    async with paying(shop.pool, order_store(shop.pool, lambda: None), settings) as parts:
        services = registrations(
            shop.pool, FakeUsers(), lambda: None, SHOP_CURRENCY, TOKENS, payments=parts
        )
        async with serve(services, FakeAccounts()) as channel:
            yield Trade(shop, admin_dsn, sandbox, parts, Door(channel, token("STAFF")))
