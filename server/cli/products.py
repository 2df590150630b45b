"""`emporium products`: what the shop sells."""

from typing import TYPE_CHECKING, Annotated

import typer

from server.cli import options as shared
from server.cli.asking import PAGE_MAX, Limit, first, line, told
from server.local.errors import LocalError

if TYPE_CHECKING:
    from emporium import Emporium, Product

app = typer.Typer(name="products", help="List, add and change what is sold.", no_args_is_help=True)

Sku = Annotated[str, typer.Argument(help="The product's code, in any case.")]
Status = Annotated[str, typer.Option(help="draft, active or archived.")]


@app.command("list")
def list_(
    words: Annotated[str, typer.Argument(help="Words of its name or description.")] = "",
    *,
    status: Status = "",
    limit: Limit = 20,
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """List products, by name or, with words, the best first."""

    async def work(shop: "Emporium") -> list[str]:
        found = shop.products.list(q=words, status=status, per_page=min(limit, PAGE_MAX))
        return [_line(each) for each in await first(limit, aiter(found))]

    told(home, work)


@app.command()
def show(sku: Sku, *, home: shared.Home = shared.DEFAULT_HOME) -> None:
    """Show a product."""

    async def work(shop: "Emporium") -> list[str]:
        product = await of_code(shop, sku)
        attributes = [f"{name}: {value}" for name, value in sorted(product.attributes.items())]
        return [_line(product), *filter(None, [product.description]), *attributes]

    told(home, work)


@app.command()
def add(
    sku: Annotated[str, typer.Argument(help="Its code.")],
    name: Annotated[str, typer.Argument(help="What it is called.")],
    price: Annotated[str, typer.Argument(help="What one costs, such as 9.90.")],
    *,
    currency: Annotated[str, typer.Option(help="ISO 4217; the shop's unless given.")] = "",
    status: Status = "active",
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Add a product."""

    async def work(shop: "Emporium") -> list[str]:
        made = await shop.products.create(sku, name, price, currency=currency, status=status)
        return [_line(made)]

    told(home, work)


@app.command("set")
def set_(
    sku: Sku,
    *,
    name: Annotated[str | None, typer.Option(help="What it is called from now on.")] = None,
    price: Annotated[str | None, typer.Option(help="What one costs from now on.")] = None,
    status: Annotated[str | None, typer.Option(help="draft, active or archived.")] = None,
    home: shared.Home = shared.DEFAULT_HOME,
) -> None:
    """Change what is given of a product."""
    given = {"name": name, "unit_price": price, "status": status}
    changes = {field: value for field, value in given.items() if value is not None}

    async def work(shop: "Emporium") -> list[str]:
        product = await of_code(shop, sku)
        return [_line(await shop.products.update(product.id, etag=product.etag, **changes))]  # type: ignore[arg-type]  # names of its fields

    told(home, work)


async def of_code(shop: "Emporium", sku: str) -> "Product":
    """The product with this code. Raises `LocalError`."""
    async for product in shop.products.list(sku=sku):
        return product
    raise LocalError(f"no product has the code {sku}", "`emporium products list` lists them.")


def _line(product: "Product") -> str:
    from emporium import Product

    status = Product.Status.Name(product.status).lower()
    left = f"{product.available} available" if product.HasField("available") else ""
    price = f"{product.unit_price} {product.currency}"
    return line(product.sku, product.name, price, status, left, product.id)
