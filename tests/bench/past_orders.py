"""Orders of long ago, put into a database by SQL with all that CreateOrder leaves beside them."""

from functools import partial

from tests.bench.budget import Budget
from tests.bench.goods import PRODUCT_ID, Goods, stocked
from tests.bench.stage import Stage

PRODUCTS = 999
BEGUN = 5_000
_TIMEOUT_SECONDS = 900.0

# A second apart. The lines of one order are of products whose numbers follow one another; so are
# the movements of each product numbered without a gap.
_ORDERS = """
    INSERT INTO orders (id, user_id, status, currency, subtotal, discount, shipping_price, tax,
                        total_price, order_date, created_at, updated_at, version)
    SELECT uuidv7(made.at - clock_timestamp()),
           ('019ac000-0000-7000-8000-' || lpad(to_hex(n % 50000), 12, '0'))::uuid,
           'PENDING', 'GBP', 3 + n % 1000, 0, 0, 0, 3 + n % 1000, made.at, made.at, made.at, 1
    FROM generate_series(1, $1::int) AS n, LATERAL (
        SELECT now() - make_interval(secs => $1 - n) AS at
    ) AS made
"""
_THEIRS = "user_id::text LIKE '019ac000-%'"
_LINES = f"""
    CREATE TEMP TABLE lines AS
    SELECT order_id, created_at, position, (line / {{count}} + 1)::int AS number,
           {PRODUCT_ID.format("(line % {count} + 1)::int")} AS product_id
    FROM (
        SELECT id AS order_id, created_at, position,
               (row_number() OVER (ORDER BY id, position) - 1) AS line
        FROM orders, generate_series(1, 3) AS position WHERE {{theirs}}
    ) AS numbered
"""
_REST = (
    """
    INSERT INTO order_items (order_id, position, product_id, product_name, unit_price, quantity)
    SELECT order_id, position, product_id, 'A product of long ago', 1, 1 FROM lines
    """,
    """
    INSERT INTO order_moves (id, order_id, after, actor_kind, occurred_at)
    SELECT uuidv7(), id, 'PENDING', 'BUYER', created_at FROM orders WHERE {theirs}
    """,
    """
    INSERT INTO idempotency_keys (caller, method, key, body_hash, answer)
    SELECT user_id, '/emporium.order.v1.OrderService/CreateOrder', gen_random_uuid(),
           sha256(id::text::bytea), convert_to(repeat(id::text, 20), 'UTF8')
    FROM orders WHERE {theirs}
    """,
    """
    INSERT INTO stock_movements (id, product_id, number, kind, on_hand_delta, reserved_delta,
                                 on_hand, reserved, order_id, created_at)
    SELECT uuidv7(), product_id, number, 'RESERVED', 0, 1, 1000000000, number, order_id, created_at
    FROM lines
    """,
    """
    UPDATE stock SET reserved = moved.last, movements = moved.last
    FROM (SELECT product_id, max(number) AS last FROM lines GROUP BY product_id) AS moved
    WHERE stock.product_id = moved.product_id
    """,
    "DROP TABLE lines",
    "VACUUM ANALYZE",
    "CHECKPOINT",
)


async def begun(stage: Stage, budget: Budget, suffix: str) -> Goods:
    """A shop of its own that has begun: what is read of tables is planned by their sizes.

    Where there was nothing yet when the tables were looked at last, each line is looked up by
    reading a whole table, until PostgreSQL looks again: within a minute or two.
    """
    return await with_past(stage, PRODUCTS, min(BEGUN, budget.past_orders), suffix)


async def with_past(stage: Stage, products: int, orders: int, suffix: str) -> Goods:
    """An order database of its own with so many products, and orders of three of them each."""
    return await stage.once(f"past{suffix}", partial(_fill, stage, products, orders, suffix))


async def _fill(stage: Stage, products: int, orders: int, suffix: str) -> Goods:
    goods = await stocked(stage, products, suffix)
    async with stage.admin(goods.database_url) as connection:
        # Constraints hold, and triggers would look at each row again.
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("SET synchronous_commit = off")
        await connection.execute(_ORDERS, orders, timeout=_TIMEOUT_SECONDS)
        for statement in (_LINES, *_REST):
            text = statement.format(count=products, theirs=_THEIRS)
            await connection.execute(text, timeout=_TIMEOUT_SECONDS)
    return goods
