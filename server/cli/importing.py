"""`emporium import`: orders, which need not be named, or products."""

from typing import Any

import typer
from typer.core import TyperGroup

from server.cli.import_orders import import_orders
from server.cli.import_products import import_products


class _OrdersUnlessNamed(TyperGroup):
    """`emporium import FILE` is what it was before there was more than orders to import."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        is_named = bool(args) and (args[0] in self.commands or args[0] == "--help")
        return super().parse_args(ctx, args if is_named or not args else ["orders", *args])


app = typer.Typer(
    name="import",
    cls=_OrdersUnlessNamed,
    help="Import historical orders (`import FILE`, `import orders FILE`), or products.",
    no_args_is_help=True,
)
app.command("orders")(import_orders)
app.command("products")(import_products)
