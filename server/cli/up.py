"""`emporium up`: runs everything, from the databases to the edge, until it is stopped."""

import shlex
import shutil
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from server.cli import options as shared
from server.cli.detach import detached
from server.cli.handover import become_supervisor
from server.cli.live import progress_on
from server.cli.screen import show_record, show_running
from server.local.checks import limits
from server.local.home.folder import AlreadyRunning
from server.local.home.plan import DEFAULT_EDGE_PORT, PORT_MAX
from server.local.home.record import require_running
from server.local.options import ClusterOptions

# More are a mistake, by which callers could say themselves who they are.
TRUSTED_HOPS_MAX = 8
# With less, Envoy would refuse calls when hardly anybody calls.
EDGE_HEAP_MB_MIN = 64
EdgePort = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=PORT_MAX,
        help=f"0: any free one. Left out: the home's, at first {DEFAULT_EDGE_PORT}.",
        show_default=False,
    ),
]
PortBase = Annotated[
    int,
    typer.Option(
        min=0,
        max=PORT_MAX,
        help="The first of consecutive ports for all parts. Left out: the home's.",
        show_default=False,
    ),
]
CorsOrigins = Annotated[
    list[str],
    typer.Option(
        "--cors-origin",
        envvar="CORS_ORIGINS",
        metavar="ORIGIN",
        help="Whose pages may call the edge; may be repeated. Left out: those of development.",
        show_default=False,
    ),
]
TrustedHops = Annotated[
    int,
    typer.Option(
        min=0,
        max=TRUSTED_HOPS_MAX,
        envvar="EDGE_TRUSTED_HOPS",
        help="Proxies in front of the edge; the first of them says who calls.",
    ),
]
EdgeHeap = Annotated[
    int,
    typer.Option(
        "--edge-heap",
        min=EDGE_HEAP_MB_MIN,
        envvar="EDGE_HEAP_MB",
        metavar="MB",
        help="Memory that Envoy may allocate; beyond, it refuses calls.",
    ),
]


def up(  # noqa: PLR0913 (a parameter for each option)
    *,
    home: shared.Home = shared.DEFAULT_HOME,
    edge_port: EdgePort = None,
    port_base: PortBase = 0,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes of each service.")] = 1,
    seed: Annotated[Literal["small", "none"], typer.Option(help="Sample data.")] = "small",
    rate_limit: Annotated[
        int, typer.Option(min=1, metavar="PER_MINUTE", help="Requests of one client.")
    ] = 100,
    login_limit: Annotated[
        int, typer.Option(min=1, metavar="PER_MINUTE", help="Logins from one address.")
    ] = 5,
    token_limit: Annotated[
        int, typer.Option(min=1, metavar="PER_MINUTE", help="Exchanges of API keys, likewise.")
    ] = 30,
    cors_origins: CorsOrigins = [],  # noqa: B006 (typer makes a list of its own of it)
    trusted_hops: TrustedHops = 0,
    edge_heap: EdgeHeap = 200,
    ephemeral: Annotated[
        bool, typer.Option("--ephemeral", help="On the RAM disk, not durable, deleted at exit.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when ready; stop it with `emporium down`.")
    ] = False,
    database_url: shared.DatabaseUrl = "",
    postgres_host: shared.PostgresHost = "",
    postgres_port: shared.PostgresPort = shared.DEFAULT_POSTGRES_PORT,
    postgres_user: shared.PostgresUser = shared.DEFAULT_POSTGRES_USER,
    postgres_password: shared.PostgresPassword = "",
    mongodb_uri: shared.MongodbUri = "",
) -> None:
    """Start everything: databases, services, edge. Ctrl-C stops it; the data stay."""
    options = ClusterOptions(
        home=home.absolute(),
        edge_port=edge_port,
        port_base=port_base,
        workers=workers,
        seed=seed,
        ephemeral=ephemeral,
        rate_limit_per_minute=rate_limit,
        login_limit_per_minute=login_limit,
        token_limit_per_minute=token_limit,
        cors_origins=tuple(cors_origins),
        trusted_hops=trusted_hops,
        edge_heap_mb=edge_heap,
        database_url=shared.admin_url(
            database_url, postgres_host, postgres_port, postgres_user, postgres_password
        ),
        mongodb_uri=mongodb_uri,
    )
    shared.require_settings()
    for each in limits.shortages():
        Console(stderr=True).print(f"! {each.problem}. {each.remedy}", markup=False, soft_wrap=True)
    if detach:
        _start_detached(options)
    else:
        become_supervisor(options)


def _start_detached(options: ClusterOptions) -> None:
    console = Console()
    try:
        ready_seconds = detached(options, progress_on(console))
    except AlreadyRunning as error:
        show_running(console, options.home, error)
    else:
        show_record(console, require_running(options.home), ready_seconds)
        stop = f"{_program()} down --home {shlex.quote(str(options.home))}"
        console.print(f"\nStop it with: {stop}", markup=False, highlight=False, soft_wrap=True)


def _program() -> str:
    """The command as this shell finds it: `make up` starts one that is not on its PATH."""
    if shutil.which("emporium"):
        return "emporium"
    if Path(sys.argv[0]).name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m server"
    return shlex.quote(sys.argv[0])
