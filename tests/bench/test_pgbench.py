"""How the log of a service's statements becomes a script of `pgbench`."""

import re

from tests.bench import pgbench
from tests.bench.goods import PRODUCT_ID
from tests.bench.statements import Statement, statements

FIRST, SECOND = "019ab000-0000-7000-8000-000000000001", "019ab000-0000-7000-8000-000000000002"
BUYER = "11111111-1111-7111-8111-111111111111"


def log_of(order_id: str, movement_id: str) -> str:
    """As PostgreSQL writes it, with what others do meanwhile."""
    stock = f'''[{{"product_id":"{SECOND}","reserved":4,"movements":4,"at":null}}]'''
    order = f'''[{{"id":"{order_id}","user":"{BUYER}","name":"O''Neill","of":"{movement_id}"}}]'''
    line = "2026-11-27 12:00:00.000 UTC [{}] emporium_order@{} {}"
    return "\n".join(
        line.format(*each)
        for each in (
            (7, "orders", "LOG:  execute __asyncpg_1__: SELECT id FROM products\n\tWHERE id = $1"),
            (7, "orders", f"DETAIL:  Parameters: $1 = '{{{FIRST},{SECOND}}}'"),
            (9, "orders", "LOG:  execute __asyncpg_9__: SELECT 1"),
            (7, "elsewhere", "LOG:  execute __asyncpg_1__: INSERT INTO orders SELECT 2"),
            (8, "orders", "LOG:  statement: BEGIN;"),
            (8, "orders", "LOG:  execute a: SELECT * FROM stock WHERE id = ANY($1) FOR UPDATE"),
            (8, "orders", f"DETAIL:  Parameters: $1 = '{{{FIRST},{SECOND}}}'"),
            (9, "orders", "LOG:  statement: COMMIT;"),
            (8, "orders", "LOG:  execute b: WITH a AS (UPDATE stock $1) INSERT INTO orders $2, $3"),
            (8, "orders", f"DETAIL:  Parameters: $1 = '{stock}', $2 = '{order}', $3 = NULL"),
            (8, "orders", "LOG:  statement: COMMIT;"),
            (9, "orders", "LOG:  execute __asyncpg_9__: SELECT 2"),
            (8, "elsewhere", "ERROR:  no"),
        )
    )


def of_one(order_id: str, movement_id: str) -> list[Statement]:
    sent = statements(log_of(order_id, movement_id), "orders")
    return [*pgbench.of_one_order(sent, [FIRST, SECOND])]


ONE = of_one("22222222-2222-7222-8222-222222222222", "33333333-3333-7333-8333-333333333333")
OTHER = of_one("44444444-4444-7444-8444-444444444444", "55555555-5555-7555-8555-555555555555")


def test_of_what_was_sent_meanwhile_what_the_order_needed_is_kept() -> None:
    texts = [each.text.split()[0] for each in ONE]
    assert texts == ["SELECT", "BEGIN;", "SELECT", "WITH", "COMMIT;"]
    assert ONE[0].text == "SELECT id FROM products\n\tWHERE id = $1"
    assert ONE[3].values[3] == "NULL"


def test_products_are_picked_and_new_ids_are_made_each_time() -> None:
    picks, *rest = pgbench.script(ONE, OTHER, [FIRST, SECOND], 10).split("\n", 2)
    assert picks == "\\set p0 random(1, 5)"
    assert rest[0] == "\\set p1 random(6, 10)"
    script = rest[1]
    assert FIRST not in script
    assert SECOND not in script
    assert PRODUCT_ID.format(":p1::int") in script
    assert (
        "WITH ids AS MATERIALIZED (SELECT uuidv7()::text AS u0, uuidv7()::text AS u1), a" in script
    )
    assert {*re.findall(r"SELECT (u\d) FROM ids", script)} == {"u0", "u1"}
    assert script.count(BUYER) == 1  # as in the other order


def test_a_stock_is_counted_from_what_was_locked() -> None:
    script = pgbench.script(ONE, OTHER, [FIRST, SECOND], 10)
    assert "FOR UPDATE) AS locked \\gset" in script
    assert """"reserved": "', :r1::text, '", "movements": "', :m1::text, '", "at": null""" in script
    assert "O''Neill" in script
