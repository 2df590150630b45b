"""Two replicas, one session: whatever happens in between, no token has two children alive."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from server.local.cluster import Cluster
from tests.e2e.conftest import new_email, target
from tests.e2e.refresh_races import Door, Races, Session
from tests.e2e.replicas import replica
from tests.effort import Effort

ROUNDS = 60
KILLS = 3
PASSWORD = "correct horse battery"
CHEAPEST_BCRYPT = "4"  # the account is made where it is this, so that logins cost little


@asynccontextmanager
async def racing(cluster: Cluster, log: Path, effort: Effort) -> AsyncIterator[Races]:
    async with replica(cluster, "user", log, BCRYPT_COST=CHEAPEST_BCRYPT) as other:
        one, two = Door(target(cluster, "service", "user")), Door(f"127.0.0.1:{other.port}")
        yield Races(one, two, other, new_email(), PASSWORD, effort.random("refresh races"))
        for door in (one, two):
            await door.channel.close()


@pytest.mark.timeout(3_600)
async def test_no_token_has_two_children_alive(
    cluster: Cluster, tmp_path: Path, effort: Effort
) -> None:
    async with racing(cluster, tmp_path / "replica.log", effort) as races:
        await races.sign_up()
        await races.run(effort.times(ROUNDS), effort.times(KILLS))
        assert races.faults == []
        print(races.rounds)


class Careless:
    """The control: a door that gives each use of a token a child of its own."""

    @property
    def sessions(self) -> "Careless":
        return self

    async def Refresh(self, request: Any, timeout: float) -> Any:  # noqa: N802 - the rpc's name
        return SimpleNamespace(refresh_token=uuid.uuid4().hex)


async def test_the_judge_sees_a_second_child(effort: Effort) -> None:
    door: Any = Careless()
    replica: Any = None
    races = Races(door, door, replica, "", "", effort.random("careless"))
    session = Session(["first"])
    await races.at_once(session)
    await races.judge(session)
    assert [fault for fault in races.faults if "2 children" in fault]
    assert [fault for fault in races.faults if "tokens alive" in fault]
