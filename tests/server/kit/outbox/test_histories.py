"""Whatever happens, each destination sees every event of an aggregate, in the order of versions."""

from hypothesis import HealthCheck, given, settings

from tests.server.kit.outbox.histories import HISTORIES, Shop, Step
from tests.server.kit.outbox.sides import Box

# The fixture's outbox is emptied at the start of each history.
FEW = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@FEW
@given(history=HISTORIES)
async def test_each_destination_sees_every_event_of_an_aggregate_in_the_order_of_versions(
    box: Box, history: list[Step]
) -> None:
    shop = Shop(box)
    await shop.open()
    try:
        await shop.live(history)
        await shop.end_well()
    finally:
        await shop.close()
    for side in shop.sides:
        for aggregate in shop.aggregates:
            kept = [event for event in aggregate.events if event.id not in side.skipped]
            assert [e for e in side.seen[aggregate.id] if e.id not in side.skipped] == kept
    assert (await box.kept(), await box.blocks()) == (0, [])
