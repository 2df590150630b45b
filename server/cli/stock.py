"""`emporium stock`: how much there is of a product, and what has moved it."""

from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from server.cli import options as shared
from server.cli.work import done
from server.local.errors import LocalError
from server.local.home.acting import acting_as
from server.local.home.record import ClusterRecord, require_running

if TYPE_CHECKING:
    from emporium import Emporium, Stock, StockMovement

app = typer.Typer(
    name="stock",
    help="Show and adjust how much there is of a product.",
    no_args_is_help=True,
)

Sku = Annotated[str, typer.Argument(help="The product's code, in any case.")]


class Why(StrEnum):
    """The reasons that the contract knows."""

    RECEIVED = "received"
    RETURNED = "returned"
    COUNTED = "counted"
    DAMAGED = "damaged"
    LOST = "lost"
    OTHER = "other"


@app.command()
def show(
    sku: Sku,
    *,
    limit: Annotated[int, typer.Option(min=1, max=1_000, help="So many movements.")] = 10,
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Show what there is of a product, and what has moved it, the latest first."""

    async def work(shop: "Emporium", product_id: str) -> list[str]:
        lines = [_level(await shop.stock.get(product_id))]
        async for movement in shop.stock.movements(product_id, per_page=min(limit, 100)):
            lines.append(_line(movement))
            if len(lines) > limit:
                break
        return lines

    _print(done(_about(require_running(home), sku, work)))


@app.command()
def adjust(
    sku: Sku,
    *,
    by: Annotated[int, typer.Option(help="How many to add; -2 takes two.")],
    reason: Annotated[Why, typer.Option(help="Why.")],
    note: Annotated[str, typer.Option(help="What there is to say about it.")] = "",
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Add to what is on hand of a product, or take from it; the first time begins to track it."""

    async def work(shop: "Emporium", product_id: str) -> list[str]:
        return [_level(await shop.stock.adjust(product_id, by, reason.value, note=note))]

    _print(done(_about(require_running(home), sku, work)))


async def _about(
    record: ClusterRecord, sku: str, work: Callable[["Emporium", str], Awaitable[list[str]]]
) -> list[str]:
    # Imported late: the client brings gRPC, which the other commands need not wait for.
    from emporium import Conflict, Emporium, InvalidRequest, Targets

    async with Emporium(Targets.of(record.grpc), token=acting_as(record, "admin")) as shop:
        try:
            async for product in shop.products.list(sku=sku):
                return await work(shop, product.id)
        except (Conflict, InvalidRequest) as error:
            raise LocalError(str(error)) from error
    raise LocalError(f"no product has the code {sku}", "`GET /api/v1/products` lists them")


def _level(stock: "Stock") -> str:
    if not stock.tracked:
        return f"{stock.on_hand} on hand; not tracked, so it never runs out"
    low = f"; low at {stock.low_stock_at}" if stock.HasField("low_stock_at") else ""
    more = "; backorders are taken" if stock.backorders else ""
    return (
        f"{stock.available} available: {stock.on_hand} on hand,"
        f" {stock.reserved} reserved{low}{more}"
    )


def _line(movement: "StockMovement") -> str:
    from emporium import StockMovement

    kind = StockMovement.Kind.Name(movement.kind).lower()
    said = [
        movement.created_at.ToJsonString(),
        kind,
        f"on hand {movement.on_hand_delta:+d}",
        f"reserved {movement.reserved_delta:+d}",
    ]
    if movement.reason:
        said.append(StockMovement.Reason.Name(movement.reason).lower())
    return "  ".join([*said, *filter(None, (movement.order_id, movement.actor_id, movement.note))])


def _print(lines: list[str]) -> None:
    Console().print("\n".join(lines), soft_wrap=True, markup=False, highlight=False)
