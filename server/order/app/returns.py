"""What returns are made with."""

from server.kit.listing.tokens import PageTokens
from server.kit.postgres import Pool
from server.order.app.payments import Payments
from server.order.events import returns as return_events
from server.order.events import stock as stock_events
from server.order.orders.store.orders import PostgresOrderStore
from server.order.orders.store.returning import OrdersToReturn
from server.order.returns.service import ReturnService
from server.order.returns.store import Belongings
from server.order.returns.store.erasing import PersonalReturns
from server.order.returns.store.returns import PostgresReturnStore
from server.order.stock.store.moves import StockMoves


def returning(
    pool: Pool, orders: PostgresOrderStore, payments: Payments, tokens: PageTokens
) -> ReturnService:
    """Returns of `orders`, which move the stocks of the same database and give back payments."""
    stocks = StockMoves(stock_events.to_outbox)
    belongings = Belongings(orders, OrdersToReturn(), payments.store, stocks)
    store = PostgresReturnStore(pool, belongings, return_events.to_outbox)
    return ReturnService(store, payments.processing, tokens, payments.return_within)


def personal_returns(pool: Pool) -> PersonalReturns:
    """The returns in `pool`, as they are persons'."""
    return PersonalReturns(pool, return_events.AGGREGATE_TYPE, return_events.anonymous)
