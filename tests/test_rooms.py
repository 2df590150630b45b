"""What the import walls cannot see: SQL is written in stores, and rules take time and ids."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.test_layout import ROOT, SERVER
from tests.walls import matches

# Modules whose SQL is their purpose.
SQL_ROOMS = [
    "server.*.*.store.**",
    "server.*.migrations.**",
    "server.kit.listing.**",  # clauses of lists
    "server.kit.outbox.**",
    "server.kit.postgres.**",
    "server.local.checks.**",  # what an operator asks
    "server.local.preparation.**",  # databases and roles
    "server.sandbox.books",  # SQLite
]
SQL = re.compile(
    r"\s*(SELECT|INSERT\s+INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|WITH\s+\w+\s+AS|TRUNCATE"
    r"|(CREATE|ALTER|DROP|LOCK)\s+(TABLE|INDEX|TYPE|ROLE|DATABASE))\s"
)

TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+([a-z_]+)\b(?!\()")
SUBQUERY = re.compile(r"\b([a-z_]+)\s+AS\s+(?:MATERIALIZED\s+)?\(")  # WITH gone AS (...)
KIT_TABLES = {"idempotency_keys"}
# server/README.md says why.
SHARED_TABLES = {
    "user: users": {"accounts", "email_links", "logins", "totp"},
    "order: products": {"carts", "catalog", "pricing"},
    "order: price_breaks": {"carts", "catalog", "pricing"},
    "order: stock": {"carts", "catalog", "stock"},
    "order: orders": {"orders", "payments"},
}

# What makes two runs of the same rule differ, or does anything but decide.
IMPURE_MODULES = {"asyncio", "importlib", "io", "logging", "os", "pathlib", "random", "secrets"}
IMPURE_MODULES |= {"shutil", "socket", "subprocess", "sys", "tempfile", "threading", "time"}
IMPURE_NAMES = {"now", "today", "utcnow", "uuid1", "uuid4", "uuid7", "open"}
IMPURE_NAMES |= {"__import__", "breakpoint", "eval", "exec", "getnode", "input", "print"}


def modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(SERVER.rglob("*.py"))
    }


def statements(tree: ast.AST) -> list[str]:
    """The texts of a module that begin as SQL does."""
    texts = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [text for text in texts if isinstance(text, str) and SQL.match(text)]


def impurities(tree: ast.AST) -> set[str]:
    """What rules use of clocks, chance and the world outside."""
    return set(_modules_of(tree)) & IMPURE_MODULES | set(_names_of(tree)) & IMPURE_NAMES


def _modules_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module).partition(".")[0]


def _names_of(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name) and node.id not in {"now", "today"}:  # arguments
            yield node.id


def tables(tree: ast.AST) -> set[str]:
    """The tables that a store's statements name, but for the kit's, and its MongoDB collections."""
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    found = {name for text in texts for name in TABLE.findall(text)}
    found -= {name for text in texts for name in SUBQUERY.findall(text)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func).rpartition(".")[2]
            found |= {node.args[0].value} if called in {"Table", "collection"} else set()
    return found - KIT_TABLES


def test_a_table_belongs_to_one_subject() -> None:
    owners: dict[str, set[str]] = {}
    for name, path in modules().items():
        if matches(name, ["server.*.*.store.**"]):
            _, service, subject, *_ = name.split(".")
            for table in tables(ast.parse(path.read_text(encoding="utf-8"))):
                owners.setdefault(f"{service}: {table}", set()).add(subject)
    assert {"user: users", "order: order_items", "analytics: sales_daily"} <= set(owners)
    assert {table: of for table, of in owners.items() if len(of) > 1} == SHARED_TABLES


def test_the_tables_of_a_store_are_seen() -> None:
    source = """Table("a", ()); "SELECT 1 FROM b JOIN c"; f"UPDATE d SET {x}"; db.collection("e")"""
    assert tables(ast.parse(source)) == set("abcde")
    assert tables(ast.parse('"WITH gone AS (DELETE FROM a) SELECT 1 FROM gone"')) == {"a"}
    assert tables(ast.parse('"INSERT INTO a SELECT 1 FROM json_populate_recordset($1)"')) == {"a"}


@pytest.mark.parametrize(
    "name", [name for name in modules() if not matches(name, SQL_ROOMS)], ids=str
)
def test_sql_is_written_in_stores(name: str) -> None:
    assert statements(ast.parse(modules()[name].read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "name", [name for name in modules() if matches(name, ["server.*.*.rules.**"])], ids=str
)
def test_rules_take_time_and_ids(name: str) -> None:
    assert impurities(ast.parse(modules()[name].read_text(encoding="utf-8"))) == set()


@pytest.mark.parametrize(
    "source",
    [
        'await pool.fetch("SELECT 1 FROM orders")',
        'f"UPDATE orders SET {column} = 1"',
        '"""\n    WITH gone AS (DELETE FROM orders) SELECT 1\n"""',
        '"DROP TABLE orders"',
    ],
)
def test_sql_is_seen(source: str) -> None:
    assert statements(ast.parse(source))


@pytest.mark.parametrize("source", ['"Select a product"', '"UPDATE is not allowed"', "1"])
def test_prose_is_no_sql(source: str) -> None:
    assert not statements(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "NOW = datetime.now(UTC)",
        "field(default_factory=datetime.now)",
        "import random",
        "from time import time as moment",
        "from uuid import uuid4 as new_id",
        "uuid.uuid4()",
        "from secrets import token_hex",
        "open('/etc/hostname')",
        "import os.path",
    ],
)
def test_clocks_and_chance_are_seen(source: str) -> None:
    assert impurities(ast.parse(source))


@pytest.mark.parametrize("source", ["def f(now: datetime) -> UUID: return UUID(now)"])
def test_arguments_are_pure(source: str) -> None:
    assert not impurities(ast.parse(source))
