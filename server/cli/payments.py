"""`emporium payments`: what was paid for orders, and what staff do about it."""

from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import options as shared
from server.cli.asking import line, told

if TYPE_CHECKING:
    from emporium import Emporium, Payment

app = typer.Typer(
    name="payments", help="List payments; capture, void and refund them.", no_args_is_help=True
)

Id = Annotated[str, typer.Argument(help="The payment's id.")]
Amount = Annotated[str | None, typer.Option(help="How much; all of it unless given.")]


@app.command("list")
def list_(
    order_id: Annotated[str, typer.Argument(help="The order's id.")],
    *,
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """List the payments of an order, the oldest first."""

    async def work(shop: "Emporium") -> list[str]:
        return [_line(each) async for each in shop.payments.list(order_id)]

    told(home, work)


@app.command()
def capture(
    payment_id: Id, *, amount: Amount = None, home: shared.Home = shared.DEFAULT_HOME
) -> None:
    """Take what is authorized; the rest is let go."""

    async def work(shop: "Emporium") -> list[str]:
        return [_line(await shop.payments.capture(payment_id, amount=amount))]

    told(home, work)


@app.command()
def void(payment_id: Id, *, home: shared.Home = shared.DEFAULT_HOME) -> None:
    """Let go what is authorized."""

    async def work(shop: "Emporium") -> list[str]:
        return [_line(await shop.payments.void(payment_id))]

    told(home, work)


@app.command()
def refund(
    payment_id: Id,
    *,
    amount: Amount = None,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    restock: Annotated[
        bool | None, typer.Option(help="Whether the goods are there again; of all that is left.")
    ] = None,
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Give back what was taken, through the provider."""

    async def work(shop: "Emporium") -> list[str]:
        given = await shop.payments.refund(
            payment_id, amount=amount, reason=reason, restock=restock
        )
        return [_line(given)]

    told(home, work)


def _line(payment: "Payment") -> str:
    from emporium import Payment

    status = Payment.Status.Name(payment.status).lower()
    amounts = f"captured {payment.captured}, given back {payment.refunded}"
    asked = f"{payment.amount} {payment.currency}"
    more = "in progress" if payment.in_progress else payment.decline_reason
    return line(payment.id, payment.provider, status, asked, amounts, more)
