"""Debezium's connector file, which cannot be run here, names what is in the table."""

import json
from pathlib import Path

from tests.server.kit.outbox.sides import Box

CONNECTOR = Path(__file__).parents[4] / "deploy" / "debezium" / "outbox-connector.json"
ROUTER = "transforms.outbox."


async def test_every_column_that_the_connector_names_exists_and_can_be_read_by_it(box: Box) -> None:
    config = json.loads(CONNECTOR.read_text())["config"]
    rows = await box.pool.fetch(
        "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'outbox'"
    )
    types = {row["column_name"]: row["data_type"] for row in rows}
    one_each = ("table.field.event.id", "table.field.event.key", "table.field.event.payload")
    named = [config[ROUTER + option] for option in (*one_each, "route.by.field")]
    placed = config[ROUTER + "table.fields.additional.placement"].split(",")
    named += [placement.split(":")[0] for placement in placed]
    assert set(named) <= set(types)
    assert config["table.include.list"] == "public.outbox"
    # The value converter takes bytes alone, and the router a topic that is text.
    assert types[config[ROUTER + "table.field.event.payload"]] == "bytea"
    assert types[config[ROUTER + "route.by.field"]] == "text"
    # All that a consumer needs beside the payload; the rest is our own bookkeeping.
    assert set(types) - set(named) == {"position", "created_at"}
