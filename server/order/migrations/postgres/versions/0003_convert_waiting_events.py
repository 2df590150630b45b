"""Turn what waited in the old outbox into domain events.

Each was a delta for analytics (`emporium.analytics.v1.OrderEvent`) and becomes the event that it
told of (`emporium.order.v1.OrderPlaced` and so on), under the id that it had: analytics may have
counted it before its answer was lost.

Frozen: nothing here is imported from the code that runs, which goes on changing. Messages are read
and written by hand, by Protobuf's wire format, as they were at this step. What waits is held in
memory meanwhile, about a kilobyte an event.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from alembic import op

revision = "0003"
down_revision = "0002"

DESTINATION = "analytics"

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CHUNK = 500

# The old events' kinds, the new ones' types, and the orders' statuses.
PLACED, CANCELLED, REFUNDED, DELETED = 1, 2, 3, 4
TYPES = {
    PLACED: "emporium.order.v1.OrderPlaced",
    CANCELLED: "emporium.order.v1.OrderCancelled",
    REFUNDED: "emporium.order.v1.OrderRefunded",
    DELETED: "emporium.order.v1.OrderDeleted",
}
KINDS = {name: kind for kind, name in TYPES.items()}
CANCELLED_STATUS = 5
STATUSES = {PLACED: 1, CANCELLED: CANCELLED_STATUS, REFUNDED: 6, DELETED: 1}

FIND_LEGACY = """
    SELECT id::text, payload, created_at, attempts, error, died_at FROM legacy_outbox
"""

FIND_ORDERS = """
    SELECT id::text, version, subtotal::text, discount::text, shipping_price::text, tax::text,
           created_at, ARRAY[
               shipping_address->>'recipient', shipping_address->>'street',
               shipping_address->>'city', shipping_address->>'postal_code',
               shipping_address->>'country_code'
           ] AS address
    FROM orders WHERE id = ANY($1::uuid[])
"""

FIND_ITEMS = """
    SELECT order_id::text, product_id::text, product_name, unit_price::text, quantity,
           (unit_price * quantity)::text
    FROM order_items WHERE order_id = ANY($1::uuid[]) ORDER BY order_id, position
"""

INSERT = """
    INSERT INTO outbox (id, aggregate_type, aggregate_id, aggregate_version, event_type, payload,
                        occurred_at, created_at)
    VALUES ($1, 'order', $2, $3, $4, $5, $6, $7)
"""

INSERT_BLOCK = """
    INSERT INTO outbox_blocks (destination, aggregate_id, event_id, state, attempts, error, since)
    VALUES ($1, $2, $3, 'DEAD', $4, $5, $6)
"""

CREATE_LEGACY = """
    CREATE TABLE legacy_outbox (
        id         uuid,
        payload    bytea,
        created_at timestamptz,
        attempts   integer,
        error      text,
        died_at    timestamptz
    )
"""

INSERT_LEGACY = """
    INSERT INTO legacy_outbox (id, payload, created_at, attempts, error, died_at)
    VALUES ($1, $2, $3, $4, $5, $6)
"""

FIND_UNDELIVERED = """
    SELECT outbox.id::text, event_type, payload, occurred_at, outbox.created_at, blocks.attempts,
           blocks.error, blocks.since
    FROM outbox_deliveries AS deliveries
    JOIN outbox ON outbox.id = deliveries.event_id
    LEFT JOIN outbox_blocks AS blocks
        ON blocks.destination = deliveries.destination AND blocks.event_id = outbox.id
        AND blocks.state = 'DEAD'
    WHERE deliveries.destination = $1
    ORDER BY deliveries.position
"""


class Legacy(NamedTuple):
    """An event as the old outbox, or its dead letters, had it."""

    id: str
    kind: int
    order_id: str
    user_id: str
    order_date: bytes  # a Timestamp
    total_price: str
    currency: str
    units: int
    was_cancelled: bool
    occurred_at: bytes  # a Timestamp
    created_at: datetime
    attempts: int
    error: str | None  # None: it waited
    died_at: datetime | None


def upgrade() -> None:
    """Makes a domain event of each, for the destination `analytics`.

    A dead letter whose order has no earlier event waiting holds back the later ones; any other
    waits its turn behind those, and is tried again then.

    The order inside an event is made of what the old event knew, and of the order where it still
    is. Where it was deleted, one line stands for all of its lines, with their units and their sum.
    Versions end with the one that the order has now; those of deleted orders begin with 1.
    """
    connection = op.get_bind()
    legacy = [read_legacy(*row) for row in connection.exec_driver_sql(FIND_LEGACY)]
    # By kind first: an id was taken before its order was locked, so it may be too early.
    legacy.sort(key=lambda event: (event.kind == DELETED, event.kind != PLACED, event.id))
    connection.exec_driver_sql("INSERT INTO outbox_destinations (name) VALUES ($1)", (DESTINATION,))
    totals = Counter(event.order_id for event in legacy)
    later = totals.copy()
    for start in range(0, len(legacy), CHUNK):
        insert(connection, legacy[start : start + CHUNK], totals, later)
    op.execute("DROP TABLE legacy_outbox")


def downgrade() -> None:
    """Makes deltas of what analytics has not got yet.

    What cannot be kept: events of the kinds that the old outbox did not know, and those for other
    destinations; what waits behind a dead letter no longer waits; how often an event was tried
    before it was a dead letter; trace contexts and versions.
    """
    connection = op.get_bind()
    op.execute(CREATE_LEGACY)
    for row in list(connection.exec_driver_sql(FIND_UNDELIVERED, (DESTINATION,))):
        if row.event_type in KINDS:
            payload = legacy_message(row.id, row.event_type, row.payload, row.occurred_at)
            dead = (row.attempts or 0, row.error, row.since)
            connection.exec_driver_sql(INSERT_LEGACY, (row.id, payload, row.created_at, *dead))
    for table in ("outbox_blocks", "outbox_deliveries", "outbox_destinations", "outbox"):
        op.execute(f"TRUNCATE {table}")


def insert(
    connection: Any, legacy: Sequence[Legacy], totals: Counter[str], later: Counter[str]
) -> None:
    """Inserts events. Of each order, `totals` has how many there are, `later` how many are left."""
    ids = list({event.order_id for event in legacy})
    orders = {row.id: row for row in connection.exec_driver_sql(FIND_ORDERS, (ids,))}
    items: dict[str, list[Any]] = {each: [] for each in ids}
    for order_id, *item in connection.exec_driver_sql(FIND_ITEMS, (ids,)):
        items[order_id].append(item)
    for event in legacy:
        order = orders.get(event.order_id)
        is_first = later[event.order_id] == totals[event.order_id]
        later[event.order_id] -= 1
        version = (order.version if order else totals[event.order_id]) - later[event.order_id]
        payload = field(1, order_message(event, version, order, items[event.order_id]))
        what = (TYPES[event.kind], payload, moment(event.occurred_at), event.created_at)
        connection.exec_driver_sql(INSERT, (event.id, event.order_id, version, *what))
        if event.error is not None and is_first:
            block = (event.attempts, event.error, event.died_at)
            connection.exec_driver_sql(
                INSERT_BLOCK, (DESTINATION, event.order_id, event.id, *block)
            )


def order_message(event: Legacy, version: int, order: Any, items: Iterable[Any]) -> bytes:
    """An `emporium.order.v1.Order` as the event left it."""
    total, is_deleted = event.total_price, event.kind == DELETED
    if order:
        amounts = [order.subtotal, order.discount, order.shipping_price, order.tax]
        address, created_at = order.address, order.created_at
    else:
        amounts, address = [total, "0.00", "0.00", "0.00"], [None]
        average = f"{Decimal(total) / event.units:.2f}"
        items = [(None, "(deleted with its order)", average, event.units, total)]
        created_at = EPOCH + timedelta(milliseconds=UUID(event.order_id).int >> 80)  # UUIDv7
    return b"".join(
        (
            field(1, event.order_id),
            field(2, event.user_id),
            field(3, CANCELLED_STATUS if event.was_cancelled else STATUSES[event.kind]),
            *(field(4, message(item)) for item in items),
            field(5, event.currency),
            *(field(number, amount) for number, amount in enumerate(amounts, 6)),
            field(10, total),
            field(11, message(address)) if address[0] is not None else b"",
            field(12, event.order_date),
            field(13, timestamp(created_at)),
            field(14, event.occurred_at),
            field(15, str(version - is_deleted)),
        )
    )


def legacy_message(event_id: str, event_type: str, payload: bytes, occurred_at: datetime) -> bytes:
    """An `emporium.analytics.v1.OrderEvent`, made of a domain event."""
    (order,) = (value for number, value in fields(payload) if number == 1)
    known = dict(fields(order))
    units = sum(dict(fields(item)).get(4, 0) for number, item in fields(order) if number == 4)
    kind = KINDS[event_type]
    was_cancelled = kind == DELETED and known[3] == CANCELLED_STATUS
    values = (event_id, kind, known[1], known[2], known[12], known[10], known[5], units)
    return message((*values, int(was_cancelled), timestamp(occurred_at)))


def read_legacy(event_id: str, payload: bytes, *rest: Any) -> Legacy:
    """A row of `FIND_LEGACY`."""
    known = dict(fields(payload))
    order_id, user_id, total, currency = (known[number].decode() for number in (3, 4, 6, 7))
    amounts = (total, currency, known[8], bool(known.get(9)))
    return Legacy(event_id, known[2], order_id, user_id, known[5], *amounts, known[10], *rest)


# ------------------------------------------------------------- Protobuf's wire format, what is used


def message(values: Iterable[str | bytes | int | None]) -> bytes:
    """A message whose fields are `values`, from number 1 on."""
    return b"".join(field(number, value) for number, value in enumerate(values, 1))


def field(number: int, value: str | bytes | int | None) -> bytes:
    """One field: a number, a text, or bytes, a message among them; nothing for an empty one."""
    if not value:
        return b""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def varint(value: int) -> bytes:
    """A number that is not negative, seven bits a byte."""
    made = bytearray()
    while value > 0x7F:
        made.append(value & 0x7F | 0x80)
        value >>= 7
    made.append(value)
    return bytes(made)


def fields(content: bytes) -> Iterator[tuple[int, Any]]:
    """The fields of a message that holds numbers, texts, bytes and messages."""
    at = 0

    def number() -> int:
        nonlocal at
        read = shift = 0
        while True:
            byte = content[at]
            at += 1
            read |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return read

    while at < len(content):
        tag = number()
        if tag & 7 == 0:
            yield tag >> 3, number()
        else:
            length = number()
            at += length
            yield tag >> 3, content[at - length : at]


def timestamp(moment: datetime) -> bytes:
    """A `google.protobuf.Timestamp` of this age."""
    since = moment - EPOCH
    return message((since.days * 86_400 + since.seconds, since.microseconds * 1_000))


def moment(content: bytes) -> datetime:
    """The moment, of this age, that a `google.protobuf.Timestamp` tells."""
    known = dict(fields(content))
    return EPOCH + timedelta(seconds=known.get(1, 0), microseconds=known.get(2, 0) // 1_000)
