"""PostgreSQL over TLS: every connection of a cluster is verified, also when certificates change.

It is Debian's server, because the wheel's is built without TLS. The parts: `refused`, who is not
believed or not let in; `followed`, a whole cluster over it, whose authority is replaced.
"""

import asyncio
from pathlib import Path

import asyncpg

from emporium import Emporium, EmporiumError, OrderLine
from server.local.cluster import Cluster
from server.local.options import ClusterOptions
from tests.bench.report import Row
from tests.campaign import debian_postgres
from tests.campaign.campaign import Setting
from tests.campaign.debian_postgres import DebianPostgres
from tests.certificates import Authority, replace
from tests.waiting import until

MINUTES = 5.0
PARTS = ("refused", "followed")
_UNLIMITED = 1_000_000
# The pool of each process, what listens, and what waits for or holds an advisory lock.
_LEAST_CONNECTIONS = 4


async def run(setting: Setting) -> list[Row]:
    """Runs the parts that are asked for."""
    parts = setting.chosen(PARTS)
    if install := debian_postgres.missing():
        return [Row(what="database_tls: needs Debian's PostgreSQL", figure=install, met=False)]
    server = DebianPostgres(setting.folder)
    await server.start()
    try:
        rows = []
        if "refused" in parts:
            rows += await _refused(server, setting.folder)
        if "followed" in parts:
            rows += await _followed(server, setting)
        return rows
    finally:
        await server.stop()


async def _refused(server: DebianPostgres, folder: Path) -> list[Row]:
    own, stranger = server.authority.file, Authority(folder, "stranger").file
    tried = {
        "an authority that we do not believe": server.url(stranger),
        "a name that is not the server's": server.url(own, host="localhost"),
        "plain text": server.url(None, mode="disable"),
    }
    rows = [await _row(what, url, enters=False) for what, url in tried.items()]
    return [*rows, await _row("the server's own authority and name", server.url(own), enters=True)]


async def _row(what: str, url: str, *, enters: bool) -> Row:
    try:
        await (await asyncpg.connect(url)).close()
    except (OSError, asyncpg.InvalidAuthorizationSpecificationError) as error:
        said, entered = type(error).__name__, False
    else:
        said, entered = "connected", True
    return Row(what=f"PostgreSQL by {what}", ours=said, met=entered is enters)


async def _followed(server: DebianPostgres, setting: Setting) -> list[Row]:
    believed = setting.folder / "believed.pem"
    replace(believed, server.authority.pem)
    options = ClusterOptions(
        home=setting.folder / "home",
        edge_port=0,
        ephemeral=True,
        database_url=server.url(believed),
        rate_limit_per_minute=_UNLIMITED,
        login_limit_per_minute=_UNLIMITED,
    )
    with setting.console.status("a cluster on it"):
        async with Cluster(options) as cluster:
            rows = [await _all_secure(server, "of a cluster"), await _works(cluster, "at first")]
            await server.replace_certificate()
            await server.end_sessions()
            rows.append(
                await _works(cluster, "with an authority that is not believed", works=False)
            )
            replace(believed, server.authority.pem)
            rows.append(await _works(cluster, "as soon as it is"))
            rows.append(await _all_secure(server, "since then"))
    return rows


async def _all_secure(server: DebianPostgres, when: str) -> Row:
    sessions = await server.sessions()
    secure = [each for each in sessions if each["ssl"]]
    roles = sorted({each["usename"] for each in sessions})
    return Row(
        what=f"connections {when} over TLS",
        ours=f"{len(secure)} of {len(sessions)}",
        figure=", ".join(roles),
        met=len(secure) == len(sessions) >= _LEAST_CONNECTIONS,
    )


async def _works(cluster: Cluster, when: str, *, works: bool = True) -> Row:
    """Whether an order can be placed, within the time that a connection may take."""
    last = ""

    async def as_expected() -> bool:
        nonlocal last
        try:
            await _order(cluster)
        except EmporiumError as error:
            last = f"{type(error).__name__} {error.reason}".strip()
        else:
            last = "placed"
        return (last == "placed") is works

    try:
        await until(as_expected)
    except TimeoutError:
        return Row(what=f"an order {when}", ours=last, met=False)
    return Row(what=f"an order {when}", ours=last, met=True)


async def _order(cluster: Cluster) -> None:
    address = cluster.edge_url.removeprefix("http://")
    async with Emporium(address, token=await asyncio.to_thread(cluster.token, "customer")) as shop:
        products = await shop.products.list().first_page()
        await shop.orders.create([OrderLine(products.items[0].id, quantity=1)])
