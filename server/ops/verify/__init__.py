"""Compares what should be the same, of orders, money and goods: `python -m server.ops.verify`.

For containers, where `DATABASE_URL` leads to the order service's database, `MONGODB_URI` and
`MONGODB_DATABASE` to analytics', and `SANDBOX_URL` to the payment provider; on one machine it is
`emporium verify`.

- The orders with what the reports count of them (`sales`).
- The ledger with the payments, the payments with the orders, the stocks with their movements, and
  the uses of promotions with their counts (`books`).
- The payments with the charges of the provider, both ways (`charges`).

All are read in the order of their ids, a page at a time, so that memory does not grow with them.
What may just be on its way is looked at again until it has arrived. `repair` sets right what
follows from the rest without a guess, and never makes up that money or goods have moved.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from server.analytics.sales.store.verifying import MongoSalesFacts
from server.kit import mongo, postgres
from server.kit.postgres import Pool
from server.ops.verify import books
from server.ops.verify.charges import Charges
from server.ops.verify.report import Report
from server.ops.verify.sales import Sales
from server.order.app import order_store
from server.order.neighbours.payments import ProviderBooks
from server.order.neighbours.sandbox import sandbox
from server.order.orders.store.facts import PostgresOrderFacts
from server.order.payments.rules import EXTERNAL
from server.order.payments.store.facts import PostgresPaymentFacts
from server.order.pricing.store.facts import PostgresPromotionFacts
from server.order.stock.store.facts import PostgresStockFacts
from server.settings import Mongo, Postgres

_CONNECT_SECONDS = 5.0
_PROVIDER_SECONDS = 10.0
_LOOKS_MAX = 20


@dataclass(frozen=True)
class _Stores:
    pool: Pool
    sales: MongoSalesFacts
    provider: ProviderBooks | None


async def verified(
    database_url: str,
    mongodb: Mongo,
    sandbox_url: str = "",
    *,
    repair: bool = False,
    looks_max: int = _LOOKS_MAX,
) -> Report:
    """Compares everything; the payments with a provider only where there is one.

    Raises `Unavailable`.
    """
    async with _opened(database_url, mongodb, sandbox_url) as stores:
        report, pool = Report(repair), stores.pool
        sales = Sales(PostgresOrderFacts(pool), stores.sales, report, looks_max)
        await sales.compare_orders()
        await sales.compare_days()
        # The relays look for what a repair has to tell by themselves.
        payments = PostgresPaymentFacts(pool, order_store(pool, lambda: None))
        asked = [EXTERNAL]  # nobody has the books of what was paid otherwise
        if stores.provider:
            asked.append(stores.provider.name)
            await Charges(payments, stores.provider, report, looks_max).compare()
        report.not_asked = dict(await payments.elsewhere(asked))
        await books.compare_ledger(payments, report)
        await books.compare_orders(payments, report)
        await books.compare_stocks(PostgresStockFacts(pool), report)
        await books.compare_promotions(PostgresPromotionFacts(pool), report)
        return report


@asynccontextmanager
async def _opened(database_url: str, mongodb: Mongo, sandbox_url: str) -> AsyncIterator[_Stores]:
    database = Postgres(
        database_url=database_url, pool_size_min=1, connect_timeout_seconds=_CONNECT_SECONDS
    )
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(postgres.connected(database))
        reports = await stack.enter_async_context(mongo.connected(mongodb))
        provider = None
        if sandbox_url:
            provider = await stack.enter_async_context(sandbox(sandbox_url, _PROVIDER_SECONDS))
        yield _Stores(pool, MongoSalesFacts(reports), provider)
