"""What REST is compared with does the same work, or the comparison would mean nothing."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.bench.cluster import Cluster
from tests.bench.rows.fastapi import application
from tests.bench.stage import Running, Stage

LIST = "/api/v1/users?page=1&per_page=5"


@pytest.fixture
def stage(tmp_path: Path, cluster: Cluster) -> Stage:
    return Stage(tmp_path, cluster)


@pytest.fixture
async def limited_to_3(stage: Stage) -> AsyncIterator[Running]:
    async with application(stage, await stage.database("user"), "3/minute") as running:
        yield running


async def got(port: int, path: str, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        return await client.get(path, headers=headers)


def read(user: dict[str, Any]) -> dict[str, Any]:
    """Times are written differently, and so is an age that nobody has said: null, or not at all."""
    times = {name: datetime.fromisoformat(user[name]) for name in ("created_at", "updated_at")}
    return {"age": None} | user | times


async def test_it_answers_what_the_edge_answers(stage: Stage, limited_to_3: Running) -> None:
    token = await stage.token("admin")
    theirs, ours = [
        (await got(port, LIST, authorization=token)).json()
        for port in (limited_to_3.port, stage.cluster.edge_port)
    ]
    assert theirs["status"] == ours["status"] == "success"
    assert theirs["request_id"]
    assert theirs["meta"].items() <= ours["meta"].items()
    users = [[read(user) for user in each["data"]["users"]] for each in (theirs, ours)]
    assert users[0] == users[1]
    path = f"/api/v1/users/{ours['data']['users'][0]['id']}"
    alone = await got(limited_to_3.port, path, authorization=token)
    assert read(alone.json()["data"]) == users[1][0]


async def test_it_asks_for_a_good_token_of_somebody_who_may(
    stage: Stage, limited_to_3: Running
) -> None:
    good = await stage.token("admin")
    assert (await got(limited_to_3.port, LIST)).status_code == 401
    assert (await got(limited_to_3.port, LIST, authorization=good[:-4])).status_code == 401
    customer = await stage.token("customer")
    assert (await got(limited_to_3.port, LIST, authorization=customer)).status_code == 403


async def test_it_counts_each_caller_and_logs_each_call(
    stage: Stage, limited_to_3: Running
) -> None:
    token = await stage.token("admin")
    statuses = [
        (await got(limited_to_3.port, LIST, authorization=token)).status_code for _ in range(4)
    ]
    assert statuses == [200, 200, 200, 429]
    customer = await stage.token("customer")
    assert (await got(limited_to_3.port, LIST, authorization=customer)).status_code == 403
    log = (stage.folder / "children.log").read_text("utf-8")
    assert log.count('"status": 200') == 3
    assert log.count('"status": 429') == 1
