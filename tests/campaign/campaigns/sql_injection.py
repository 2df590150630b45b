"""Whether SQL can be injected: sqlmap, on every parameter of every operation of REST.

The parts are the operations, as the OpenAPI document names them. What can be injected has to be
found first, in an application that is made for that, by each way that a parameter goes.
"""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from unittest.mock import patch

import httpx

from server.local.cluster import Cluster
from tests.bench.report import Row
from tests.campaign.campaign import Setting
from tests.campaign.injection import control, sqlmap, values
from tests.campaign.injection.calls import called
from tests.campaign.injection.parameters import Operation, operations
from tests.campaign.injection.requests import request
from tests.campaign.injection.trying import Tried, Trying, clean
from tests.campaign.programs import prepared
from tests.e2e.conftest import throwaway_cluster
from tests.e2e.making import Scene

MINUTES = 45.0
_TOKEN_SECONDS = 3 * 3600
_CHEAPEST_BCRYPT = {"BCRYPT_COST": "4"}
# Calls that cannot succeed as they stand, so that no more than their rules is tried.
_REFUSED = {
    "DeleteTotp": "it needs one of two codes",
    "ResetPassword": "its token comes by mail",
    "VerifyEmail": "its token comes by mail",
    "page_token": "it is one that was never given",
}


async def run(setting: Setting) -> list[Row]:
    """A row for each way that is injectable, and one for each operation."""
    if not prepared(sqlmap.NAME).exists():
        return [Row(what="sql_injection: needs sqlmap", figure="make campaign", met=False)]
    with patch.dict(os.environ, _CHEAPEST_BCRYPT):
        async with throwaway_cluster(setting.folder / "home") as cluster:
            known = {each.name: each for each in await _operations(_port(cluster))}
            chosen = [known[name] for name in setting.chosen([*known])]
            rows = await _controlled(setting, cluster.record.postgres["admin_dsn"])
            return [*rows, *await _edge(setting, cluster, chosen)]


async def _controlled(setting: Setting, admin_dsn: str) -> list[Row]:
    folder = setting.folder / "control"
    folder.mkdir()
    rows = []
    async with control.serving(admin_dsn, folder) as port:
        trying = Trying(
            port, folder, lambda each, wanted: request(each, wanted, partial(values.value, each))
        )
        for operation in await _operations(port, "/openapi.json"):
            with setting.console.status(f"control: {operation.name}"):
                (tried,) = await trying.of(operation)
            rows.append(_control_row(operation, tried))
            setting.console.print(f"{rows[-1].what}: {rows[-1].ours}")
    return rows


def _control_row(operation: Operation, tried: Tried) -> Row:
    return Row(
        what=f"injectable {operation.name}",
        ours=", ".join(tried.verdict.found) or tried.verdict.last_line,
        figure=f"{tried.verdict.payloads:,} payloads",
        target="found",
        met=bool(tried.verdict.found),
    )


async def _edge(setting: Setting, cluster: Cluster, chosen: Sequence[Operation]) -> list[Row]:
    scene = Scene(cluster.edge_url, cluster.home, cluster.token("admin", _TOKEN_SECONDS))
    trying = Trying(_port(cluster), setting.folder / "edge", partial(called, scene))
    found: dict[str, list[Tried]] = {}
    rows = []
    for operation in chosen:
        if not operation.parameters:
            continue
        with setting.console.status(operation.name):
            found[operation.name] = await trying.of(operation)
        rows.append(_row(operation, found[operation.name]))
        setting.console.print(f"{rows[-1].what}: {rows[-1].ours}")
    return [*rows, _reached(found)]


def _row(operation: Operation, tried: Sequence[Tried]) -> Row:
    amiss = [str(each) for each in tried if not each.verdict.is_clean]
    return Row(
        what=f"{operation.name}: {len(tried)} parameters",
        ours="\n".join(amiss) or "no finding",
        figure=f"{sum(each.verdict.payloads for each in tried):,} payloads",
        target="no finding, no 5xx",
        met=clean(tried),
    )


def _reached(found: Mapping[str, Sequence[Tried]]) -> Row:
    """Whether what was tried stands in calls that succeed: else their rules alone were tried."""
    all_of_it = [(name, each) for name, tried in found.items() for each in tried]
    refused = [
        f"{name} {each.parameter}: {each.good}"
        for name, each in all_of_it
        if each.good >= httpx.codes.BAD_REQUEST
        and not {name, each.parameter.name} & _REFUSED.keys()
    ]
    good = sum(each.good < httpx.codes.BAD_REQUEST for _, each in all_of_it)
    return Row(
        what="tried in calls that succeed",
        ours=f"{good} of {len(all_of_it)} parameters",
        figure="\n".join(refused),
        target=f"all but those of {', '.join(_REFUSED)}",
        met=not refused,
    )


async def _operations(port: int, path: str = "/api/openapi.json") -> list[Operation]:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        return operations((await client.get(path)).raise_for_status().json())


def _port(cluster: Cluster) -> int:
    return httpx.URL(cluster.edge_url).port or 80
