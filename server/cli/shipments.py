"""`emporium shipments`: what of orders was sent."""

from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import options as shared
from server.cli.asking import line, told
from server.local.errors import LocalError

if TYPE_CHECKING:
    from emporium import Emporium, Shipment

app = typer.Typer(
    name="shipments", help="List and record what of orders was sent.", no_args_is_help=True
)

OrderId = Annotated[str, typer.Argument(help="The order's id.")]


@app.command("list")
def list_(order_id: OrderId, *, home: shared.Home = shared.DEFAULT_HOME) -> None:
    """List the shipments of an order, the oldest first."""

    async def work(shop: "Emporium") -> list[str]:
        return [_line(each) async for each in shop.shipments.list(order_id)]

    told(home, work)


@app.command()
def send(
    order_id: OrderId,
    *,
    item: Annotated[
        list[str] | None,
        typer.Option(help="A line and how many of it, such as 1:2; all unless given."),
    ] = None,
    tracking_number: Annotated[str, typer.Option(help="The carrier's number.")] = "",
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Record that some lines of a paid order were sent, or all that is left."""
    items = dict(map(_part, item)) if item else None

    async def work(shop: "Emporium") -> list[str]:
        made = await shop.shipments.create(order_id, items, tracking_number=tracking_number)
        return [_line(made)]

    told(home, work)


@app.command()
def track(
    shipment_id: Annotated[str, typer.Argument(help="The shipment's id.")],
    status: Annotated[str, typer.Argument(help="in_transit, out_for_delivery, delivered ...")],
    *,
    location: Annotated[str, typer.Option(help="Where it is.")] = "",
    note: Annotated[str, typer.Option(help="What else is known.")] = "",
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Record what was heard of a shipment."""

    async def work(shop: "Emporium") -> list[str]:
        await shop.shipments.track(shipment_id, status, location=location, note=note)
        return [_line(await shop.shipments.get(shipment_id))]

    told(home, work)


def _part(text: str) -> tuple[int, int]:
    position, _, quantity = text.partition(":")
    try:
        return int(position), int(quantity)
    except ValueError as error:
        said = f"--item {text}: must be a line and how many of it"
        raise LocalError(said, "For two of the first line: --item 1:2") from error


def _line(shipment: "Shipment") -> str:
    from emporium import Shipment

    status = Shipment.Status.Name(shipment.status).lower()
    items = ", ".join(f"{each.position}:{each.quantity}" for each in shipment.items)
    sent = shipment.created_at.ToJsonString()
    return line(shipment.id, sent, status, items, shipment.tracking_number)
