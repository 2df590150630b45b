"""Events of orders that wait, without the buyer who was erased."""

from dataclasses import replace
from typing import Any

from server.kit.outbox import Event
from server.order.events.encoding import AGGREGATE_TYPE, MESSAGES


def anonymous(event: Event, user_id: str) -> Event:
    """`event` without that buyer's id and any reason; of the address the country stays."""
    message: Any = MESSAGES.get(event.type)
    if event.aggregate_type != AGGREGATE_TYPE or message is None:
        return event
    told = message.FromString(event.payload)
    if told.order.user_id != user_id:
        return event
    told.order.user_id = ""
    if told.order.HasField("shipping_address"):
        country = told.order.shipping_address.country_code
        told.order.shipping_address.Clear()
        told.order.shipping_address.country_code = country
    if "reason" in message.DESCRIPTOR.fields_by_name:
        told.reason = ""
    return replace(event, payload=told.SerializeToString())
