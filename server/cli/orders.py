"""`emporium orders`: what was ordered."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from server.cli import options as shared
from server.cli.asking import PAGE_MAX, Limit, first, line, told

if TYPE_CHECKING:
    from emporium import Emporium, Order, OrderItem

app = typer.Typer(name="orders", help="List, show and cancel orders.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(help="The order's id.")]


@app.command("list")
def list_(
    *,
    status: Annotated[str, typer.Option(help="pending, paid and so on.")] = "",
    user: Annotated[str, typer.Option(help="An account's id: only theirs.")] = "",
    limit: Limit = 20,
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """List orders, the latest first."""

    async def work(shop: "Emporium") -> list[str]:
        per_page = min(limit, PAGE_MAX)
        found = shop.orders.list(status=status, user_id=user, per_page=per_page)
        return [_line(each) for each in await first(limit, aiter(found))]

    told(home, work)


@app.command()
def show(order_id: Id, *, home: shared.Home = shared.DEFAULT_HOME) -> None:
    """Show an order with its lines, and what has become of it."""

    async def work(shop: "Emporium") -> list[str]:
        order = await shop.orders.get(order_id)
        paid = f"captured {order.captured}, given back {order.refunded} {order.currency}"
        moves = [_move(each) async for each in shop.orders.history(order_id)]
        return [_line(order), paid, *(_item(each) for each in order.items), *moves]

    told(home, work)


@app.command()
def cancel(
    order_id: Id,
    *,
    reason: Annotated[str, typer.Option(help="Why; its buyer reads it.")] = "",
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Cancel an order that was not paid."""

    async def work(shop: "Emporium") -> list[str]:
        return [_line(await shop.orders.cancel(order_id, reason=reason))]

    told(home, work)


def _line(order: "Order") -> str:
    from emporium import Order

    total = f"{order.total_price} {order.currency}"
    status = Order.Status.Name(order.status).lower()
    items = f"{order.item_count} lines" if order.item_count != 1 else "1 line"
    return line(order.id, order.order_date.ToJsonString(), status, total, items, order.user_id)


def _item(item: "OrderItem") -> str:
    sent = f"{item.shipped_quantity} sent" if item.shipped_quantity else ""
    each = f"{item.quantity} x {item.unit_price}"
    return line(f"{item.position}.", item.product_name, each, item.line_total, sent)


def _move(move: Any) -> str:
    from emporium import Order

    status = Order.Status.Name(move.to_status).lower()
    kinds = type(move.actor).Kind
    actor = kinds.Name(move.actor.kind).lower() if move.HasField("actor") else ""
    return line(move.occurred_at.ToJsonString(), status, actor, move.reason)
