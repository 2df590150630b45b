"""What a person sees when the cluster is ready, or when it cannot start."""

import shlex
import sys
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table
from rich.text import Text

from server.cli.work import done
from server.local.errors import LocalError
from server.local.home import keys
from server.local.home.folder import AlreadyRunning, Home
from server.local.home.record import ClusterRecord, Login, require_running
from server.services import USER

TOKEN_SECONDS = 600
LIST_ORDERS = "emporium.order.v1.OrderService/ListOrders"


def show_screen(
    console: Console, record: ClusterRecord, token: str, ready_seconds: float | None
) -> None:
    """Shows the addresses, the demo logins and three commands to try.

    `token` is `example_user`'s, good for `TOKEN_SECONDS`; without one there is nothing to try.
    """
    took = "" if ready_seconds is None else f" in {ready_seconds:.1f} s"
    console.print(Text(f"\nEmporium is ready{took}.\n", style="bold green"))
    for what, where, note in _addresses(record):
        line = f"  {what:<13}{where:<30}  {note}".rstrip()
        if note and len(line) > console.width:
            # A path stays whole, so that it can be copied; the note goes below it.
            line = f"  {what:<13}{where}\n  {'':<13}{note}"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(Text("\nDemo logins", style="bold"))
    user = example_user(record)
    if user is None:
        console.print("  none is left; `emporium admin create` makes an account")
        return
    console.print(_logins(record.logins))
    console.print(Text("\nTry", style="bold"))
    # Long lines stay whole, so that they can be copied.
    for line in examples(record, user, token):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def show_running(console: Console, home: Path, error: AlreadyRunning) -> None:
    """A second `up` is no error, unless the running cluster is not ready."""
    with suppress(LocalError):
        record = require_running(home)
        if record.state == "ready":
            record.logins = done(_usable(record))
            console.print(f"A cluster already runs in {home}; it was left as it is.")
            show_record(console, record, None)
            return
    raise error


def show_record(console: Console, record: ClusterRecord, ready_seconds: float | None) -> None:
    """As `show_screen`, with a token that is signed here."""
    user, place = example_user(record), Home(Path(record.home), Path(record.data))
    token = keys.token(place, user.user_id, user.role, TOKEN_SECONDS) if user else ""
    show_screen(console, record, token, ready_seconds)


async def _usable(record: ClusterRecord) -> list[Login]:
    # Imported late: the driver is slow to load.
    from server.local.preparation.accounts import usable

    return await usable(record.postgres[USER.name], record.logins)


def example_user(record: ClusterRecord) -> Login | None:
    """The demo login that the examples use: that of the staff, or another that is left."""
    staff = [login for login in record.logins if login.role == "staff"]
    return next(iter([*staff, *record.logins]), None)


def show_error(console: Console, error: LocalError) -> None:
    """The problem and its remedy."""
    console.print(Text.assemble(("✗ ", "red"), error.problem), soft_wrap=True)
    if error.remedy:
        console.print(Text.assemble(("→ ", "yellow"), error.remedy), soft_wrap=True)


def examples(record: ClusterRecord, user: Login, token: str) -> list[str]:
    """Three commands that work as shown, in a shell that has run the first line."""
    edge = record.edge_url.removeprefix("http://")
    asking = """-plaintext -H "authorization: Bearer $TOKEN" -d '{"per_page": 2}'"""
    orders = f"{record.edge_url}/api/v1/orders?per_page=2"
    return [
        f"  TOKEN={token}  # for 10 minutes",
        f'  curl -s --noproxy localhost "{orders}" -H "Authorization: Bearer $TOKEN"',
        f"  {_program('grpcurl')} {asking} {record.grpc['order']} {LIST_ORDERS}",
        f"  {shlex.quote(sys.executable)} - <<'END'",
        "import asyncio",
        "from emporium import Emporium",
        "async def main():",
        f'    async with Emporium("{edge}") as shop:',
        f'        await shop.auth.login("{user.email}", "{user.password}")',
        "        print(await shop.orders.list(per_page=2).first_page())",
        "asyncio.run(main())",
        "END",
    ]


def _program(name: str) -> str:
    """The program in the folder of our Python if it is there, so that it need not be on PATH."""
    beside = Path(sys.executable).with_name(name)
    return shlex.quote(str(beside)) if beside.exists() else name


def _addresses(record: ClusterRecord) -> list[tuple[str, str, str]]:
    """Name, address and a note for each. Passwords are in cluster.json only."""
    return [
        ("edge", record.edge_url, "REST, gRPC and gRPC-Web"),
        *((each, address, "gRPC, with reflection") for each, address in record.grpc.items()),
        ("Envoy admin", record.admin_socket or "none", "a socket, for you alone"),
        ("PostgreSQL", record.postgres["admin_dsn"].rpartition("@")[2].partition("/")[0], ""),
        ("MongoDB", urlsplit(record.mongodb_uri).netloc.rpartition("@")[2], ""),
        ("home", record.home, "cluster.json holds all of this, for scripts"),
        ("logs", str(Path(record.home) / "logs"), ""),
    ]


def _logins(logins: list[Login]) -> Table:
    table = Table.grid(padding=(0, 2))
    for login in logins:
        table.add_row(f"  {login.role}", login.email, login.password)
    return table
