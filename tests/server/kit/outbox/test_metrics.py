"""What operators see of an outbox."""

from prometheus_client import CollectorRegistry

from server.kit.outbox import Relay
from server.kit.outbox import table as outbox_table
from server.kit.outbox.metrics import OutboxMetrics
from tests.server.kit.outbox.sides import (
    QUICK,
    Box,
    OtherSide,
)


async def test_metrics_tell_how_much_waits_and_how_old_it_is(
    box: Box, other_side: OtherSide
) -> None:
    registry = CollectorRegistry()
    metrics = OutboxMetrics(registry)
    other_side.poison = b"bad"
    await box.put(b"bad", b"good")
    metrics.show(await outbox_table.look(box.pool))
    assert registry.get_sample_value("outbox_pending") == 2
    assert (registry.get_sample_value("outbox_oldest_age_seconds") or 0) > 0

    await Relay(box.pool, other_side.send, metrics, QUICK).send_batch()
    metrics.show(await outbox_table.look(box.pool))
    expected = {
        "outbox_pending": 0,
        "outbox_oldest_age_seconds": 0,
        "outbox_dead_letters": 1,
        "outbox_delivered_total": 1,
        "outbox_buried_total": 1,
        "outbox_lag_seconds_count": 1,
    }
    assert {name: registry.get_sample_value(name) for name in expected} == expected
