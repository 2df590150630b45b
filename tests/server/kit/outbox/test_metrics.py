"""What operators see of an outbox, destination by destination."""

from prometheus_client import CollectorRegistry

from server.kit import outbox
from server.kit.outbox import OutboxMetrics
from tests.server.kit.outbox.sides import QUICK, Box, OtherSide, history_of


def samples(registry: CollectorRegistry, destination: str) -> dict[str, float | None]:
    names = (
        "outbox_pending",
        "outbox_dead_letters",
        "outbox_held",
        "outbox_delivered_total",
        "outbox_failed_sends_total",
        "outbox_lag_seconds_count",
    )
    labels = {"destination": destination}
    return {name: registry.get_sample_value(name, labels) for name in names}


async def test_metrics_tell_how_much_waits_and_is_held_at_each_destination(box: Box) -> None:
    registry = CollectorRegistry()
    metrics = OutboxMetrics(registry)
    near, far = OtherSide("near", refuses={b"bad1"}), OtherSide("far", is_away=True)
    relay = await box.relay(near, QUICK, metrics)
    await box.relay(far, QUICK, metrics)
    await box.append(history_of("bad", 3))
    await box.put(b"good")
    await relay.send_batch()

    metrics.show(await outbox.look(box.pool))
    assert samples(registry, "near") == {
        "outbox_pending": 0,
        "outbox_dead_letters": 1,
        "outbox_held": 2,
        "outbox_delivered_total": 1,
        "outbox_failed_sends_total": 3,
        "outbox_lag_seconds_count": 1,
    }
    assert registry.get_sample_value("outbox_oldest_age_seconds", {"destination": "near"}) == 0

    assert samples(registry, "far")["outbox_pending"] == 4
    oldest = registry.get_sample_value("outbox_oldest_age_seconds", {"destination": "far"})
    assert oldest is not None
    assert oldest > 0


async def test_the_gauge_of_held_events_counts_what_still_comes_and_falls_after_a_replay(
    box: Box,
) -> None:
    side = OtherSide(refuses={b"bad1"})
    relay = await box.relay(side)
    first, *later = history_of("bad", 4)
    await box.append([first])
    await relay.send_batch()
    assert [backlog.held for backlog in await outbox.look(box.pool)] == [0]
    await box.append(later)
    assert [backlog.held for backlog in await outbox.look(box.pool)] == [3]
    side.refuses.clear()
    await outbox.replay(box.pool)
    assert [(each.held, each.pending) for each in await outbox.look(box.pool)] == [(0, 4)]
