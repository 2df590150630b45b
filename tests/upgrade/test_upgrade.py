"""A home made at 546abbf, upgraded: every event is counted once, every key still answers."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from server.kit import outbox
from tests.server.refusals import refused
from tests.upgrade.conftest import NewHome
from tests.upgrade.services import STAFF, NewUpgraded, Upgraded

Facts = dict[str, Any]


@pytest.fixture
def upgraded(new_home: NewHome) -> NewUpgraded:
    """`async with upgraded() as services`: a home of its own, upgraded and served."""

    @asynccontextmanager
    async def start() -> AsyncIterator[Upgraded]:
        async with AsyncExitStack() as stack:
            services = Upgraded(await new_home())
            await services.start(stack)
            yield services

    return start


async def test_every_event_is_counted_once_and_what_is_behind_a_dead_letter_waits_for_it(
    upgraded: NewUpgraded, facts: Facts
) -> None:
    dead = facts["dead_letter"]["id"]
    held = {event["id"] for event in facts["waiting"] if event["behind_dead_letter"]}
    free = {event["id"] for event in facts["waiting"]} - held
    assert held
    assert any(event["counted_before"] for event in facts["waiting"])

    async with upgraded() as services:
        before = await services.known_orders()
        for currency, report in facts["reports"]["before"].items():
            assert await services.report(currency) == report
        async with services.relaying() as (analytics, wake):
            await analytics.until_arrived(free)
            for currency, report in facts["reports"]["before_replay"].items():
                assert await services.report(currency) == report
            (letter,) = await outbox.list_dead_letters(services.order_pool)
            assert (letter.event_id, letter.held) == (dead, len(held))

            assert await outbox.replay(services.order_pool) == 1
            wake()
            await analytics.until_arrived(free | held | {dead})
            for currency, report in facts["reports"]["after"].items():
                assert await services.report(currency) == report
        told = {event["order_id"] for event in (*facts["waiting"], facts["dead_letter"])}
        assert await services.known_orders() == before | told


async def test_once_a_dead_letter_is_skipped_the_later_events_of_its_order_make_up_for_it(
    upgraded: NewUpgraded, facts: Facts
) -> None:
    dead = facts["dead_letter"]["id"]
    async with upgraded() as services, services.relaying() as (analytics, wake):
        assert await outbox.skip(services.order_pool, analytics.name, dead)
        wake()
        await analytics.until_arrived({event["id"] for event in facts["waiting"]})
        for currency, report in facts["reports"]["after"].items():
            assert await services.report(currency) == report


async def test_every_key_still_gets_its_first_answer_and_leaves_no_event(
    upgraded: NewUpgraded, facts: Facts
) -> None:
    async with upgraded() as services:
        waiting = await services.waiting()
        for sent in facts["keys"]:
            assert await services.call(sent) == services.answer_of(sent), sent
        assert await services.waiting() == waiting


async def test_a_key_with_another_body_is_still_refused(
    upgraded: NewUpgraded, facts: Facts
) -> None:
    async with upgraded() as services:
        for sent in facts["refused"]:
            assert (await refused(services.call(sent))).reason == sent["reason"]


async def test_orders_are_where_they_were_and_their_versions_go_on(
    upgraded: NewUpgraded, facts: Facts
) -> None:
    async with upgraded() as services:
        for known in facts["orders"]:
            sent = {
                "rpc": "emporium.order.v1.OrderService/GetOrder",
                "caller": STAFF,
                "request": {"order_id": known["id"]},
            }
            if known["state"] == "GONE":
                assert (await refused(services.call(sent))).reason == "ORDER_NOT_FOUND"
                continue
            order: Any = await services.call(sent)
            status = order.Status.Name(order.status)
            assert (status, order.etag) == (known["state"], str(known["version"]))
            if status == "PENDING":
                cancel = {"order_id": known["id"], "status": "CANCELLED"}
                rpc = "emporium.order.v1.OrderService/UpdateOrder"
                after: Any = await services.call({"rpc": rpc, "caller": STAFF, "request": cancel})
                assert after.etag == str(known["version"] + 1)
