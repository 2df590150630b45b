"""Nothing is sold twice and nothing is lost, whatever dies: two replicas, one PostgreSQL."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import pytest

from emporium.order.v1 import order_service_pb2 as pb
from server.ops.verify import verified
from server.services import ANALYTICS
from server.settings import Mongo
from tests.e2e.buyers import Basket, Buyers, Level, faults_of_baskets, faults_of_stock
from tests.e2e.conftest import throwaway_cluster
from tests.e2e.replicas import replica
from tests.effort import Effort
from tests.server.cli.running import emporium
from tests.server.order.doors import Door

# With `--size` as many more buyers and products: `make campaign ARGS=commerce` has 1,000 of both.
ROUNDS, BASKETS, SHELF, START = 4, 60, 60, 60


@pytest.mark.timeout(3_600)
async def test_what_is_sold_reserved_and_left_is_what_there_was_whatever_dies(
    tmp_path: Path, effort: Effort
) -> None:
    lasting = throwaway_cluster(tmp_path / "cluster", ephemeral=False)
    async with lasting as cluster, AsyncExitStack() as stack:
        replicas, doors = [], []
        for number in range(2):
            log = tmp_path / f"{number}.log"
            replicas.append(await stack.enter_async_context(replica(cluster, "order", log)))
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{replicas[-1].port}")
            doors.append(Door(await stack.enter_async_context(channel), cluster.token("customer")))
        own = await stack.enter_async_context(
            grpc.aio.insecure_channel(cluster.record.grpc["order"])
        )
        staff = Door(own, cluster.token("staff"))
        buyers = Buyers(cluster, replicas, doors, staff, effort.random("buyers"), START)
        await buyers.fill(effort.many(SHELF))
        disasters = [None, buyers.kill_a_replica, buyers.kill_postgres]
        for number in effort.rounds(ROUNDS):
            print(f"round {number}: again --seed {effort.seed} --from-round {number}", flush=True)
            buyers.chance = effort.random(f"buyers, round {number}")
            await buyers.round(effort.many(BASKETS), disasters[number % len(disasters)])
            assert await buyers.faults() == []
        told = {reason for each in buyers.baskets for reason in each.reasons}
        assert any(each.answers for each in buyers.baskets)
        if not effort.first:
            assert "OUT_OF_STOCK" in told  # there was less than was asked for
        # And the reports count what was ordered, once they have heard of it.
        reports = Mongo(mongodb_uri=cluster.record.mongodb_uri, mongodb_database=ANALYTICS.mongo)
        report = await verified(
            cluster.record.postgres["order"], reports, cluster.record.sandbox_url, looks_max=100
        )
        assert (report.drifts, report.waiting) == ([], 0)
        home = str(cluster.home.directory)
        said = await asyncio.to_thread(emporium, "verify", "--home", home)
        assert (said.returncode, "0 differ" in said.stdout) == (0, True), said.stderr


def test_the_judge_sees_what_was_sold_twice_or_lost() -> None:
    """The control."""
    good = {"mug": Level(5, 3, 2)}
    assert faults_of_stock(10, good, good) == []
    assert faults_of_stock(10, {"mug": Level(5, 3, 1)}, {"mug": Level(5, 3, 1)})
    assert faults_of_stock(10, good, {"mug": Level(4, 4, 2)})
    assert faults_of_stock(10, {"mug": Level(-1, 9, 2)}, {"mug": Level(-1, 9, 2)})


def test_the_judge_sees_an_order_too_many_and_another_answer() -> None:
    """The control."""
    one, other = pb.Order(id="one"), pb.Order(id="other")
    request = pb.CreateOrderRequest(request_id="key")
    assert faults_of_baskets([Basket(request, [one, one])], ["one"]) == []
    assert faults_of_baskets([Basket(request, [one])], ["one", "other"])
    assert faults_of_baskets([Basket(request, [one, other])], ["one"])
    assert faults_of_baskets([Basket(request)], [])
    told = Basket(request, [one])
    told.reasons["CONFLICT"] += 1
    assert faults_of_baskets([told], ["one"])
