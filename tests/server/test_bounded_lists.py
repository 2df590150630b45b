"""How many rows a page of a list reads, by every filter and sort that the contract has.

The data is the worst for the planner (`worst_rows.py`).
"""

import itertools
import json
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import asyncpg
import pytest
import pytest_asyncio
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass

from server.kit import errors, mongo
from server.kit import postgres as kit_postgres
from server.kit.auth import Signer
from server.kit.context import Caller, Context, Role
from server.kit.listing import keyset
from server.kit.postgres import Pool
from server.local.engines.postgres import EmbeddedPostgres
from server.order import app as order_app
from server.order.app.webhooks import webhook_registration, webhooks_of
from server.settings import Mongo, Tokens
from server.user import app as user_app
from tests.discovery import contract
from tests.server.conftest import NewDatabase
from tests.server.tokens import TOKENS
from tests.server.worst_rows import FEW_IN, FILL, ORDER, OWNER

# In proportion to the table what they are in life to a large one.
FEW, LOOKED_AT, SORTED = 20, 200, 1_000

# What matches may be sorted where the planner takes it for less: it does not know that most of a
# user's paid orders are old.
BOUND = 3 * SORTED

PAGING = {"page", "per_page", "page_token", "sort", "expand"}
# Of more filters not every combination is tried, but every two; or as many as of products, of which
# some stand side by side in an index, some do not, and some bound those.
TOGETHER_MAX = 5
TOGETHER = {"ListProducts": 4}
# Asked of what all others find: tried with two of them.
ASKED_LAST, WITH_LAST_MAX = "in_stock", 3
# What lists were called once: they are the others by another name.
FORMER = {"min_price", "max_price"}
# What each filter is tried with: much, little and nothing of the data below.
VALUES: dict[str, list[Any]] = {
    "user_id": [OWNER],
    "status": ["paid", "refunded", "shipped", "disabled", "active", "pending"],
    "role": ["customer", "staff", "admin"],
    "email": ["user-7@example.com"],
    "actor": [OWNER],
    "subject": [OWNER],
    "action": ["emporium.user.v1.AuthService/Login", "emporium.user.v1.AuthService/ChangePassword"],
    "outcome": ["ok", "internal"],
    "sku": ["sku-7"],
    "placed_after": ["2020-01-05"],
    "placed_before": ["2020-01-05"],
    "created_after": ["2020-01-05"],
    "created_before": ["2020-01-05"],
    "min_total": ["6000.00"],
    "max_total": ["6000.00"],
    "currency": ["GBP", "EUR"],
    "price_min": ["60.00"],
    "price_max": ["60.00"],
    # Of so many as half of all there are the costs of all: `FOUND_MAX` bounds how many are sorted.
    "category": [FEW_IN],
    "attribute": [["colour:red"], ["colour:none"]],
    "parent_id": [FEW_IN],
    "in_stock": [True],  # what is not, an index has
    "code": ["code-7"],
    "number": ["3jz-9j6-gmq"],
    "active": [True, False],
    "country_code": ["GB", "FR"],
    "category_id": [FEW_IN],
    # Not `user`, which all of them have: an index of words gives all that match, so that costs as
    # much as there are, 120 ms of 500,000 accounts (PostgreSQL 18, two busy cores, November 2026).
    "q": ["00000007", "nobody", "abc"],
}

LISTS = [
    method
    for service in contract()
    for method in service.methods
    if "sort" in method.input_type.fields_by_name
]


class Read(NamedTuple):
    """What one statement has read."""

    rows: int
    statement: str


class Explaining:
    """A pool that also says how many rows its statements read, but for those of a total."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.reads: list[Read] = []

    async def fetch(self, statement: str, *arguments: Any) -> Any:
        await self._explain(statement, arguments)
        return await self._pool.fetch(statement, *arguments)

    async def fetchrow(self, statement: str, *arguments: Any) -> Any:
        return await self._pool.fetchrow(statement, *arguments)  # one row, by its key

    async def fetchval(self, statement: str, *arguments: Any) -> Any:
        await self._explain(statement, arguments)
        return await self._pool.fetchval(statement, *arguments)

    async def _explain(self, statement: str, arguments: Any) -> None:
        if "ORDER BY" not in statement:  # a page has an order, a total has none
            return
        explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
        (plan,) = json.loads(await self._pool.fetchval(explained, *arguments))
        self.reads.append(Read(max(rows_read(plan["Plan"])), statement))


def rows_read(plan: dict[str, Any]) -> Iterator[int]:
    """How many rows each scan below has looked at."""
    yield 0
    for below in plan.get("Plans", ()):
        yield from rows_read(below)
    if "Scan" in plan["Node Type"] and "Subquery" not in plan["Node Type"]:
        removed = ("Rows Removed by Filter", "Rows Removed by Index Recheck")
        looked_at = plan["Actual Rows"] + sum(plan.get(name, 0) for name in removed)
        yield round(looked_at * plan["Actual Loops"])


Served = dict[str, tuple[Explaining, Any]]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(
    new_database: NewDatabase, postgres: EmbeddedPostgres, signer: Signer
) -> AsyncIterator[Served]:
    """The servicer behind each gRPC service that has lists, over full tables."""
    nobody: Any = None  # lists ask no neighbour
    callers: Any = SimpleNamespace(forget=None)  # nor change they anything
    found: Served = {}
    nowhere = Mongo(mongodb_uri="mongodb://127.0.0.1:1", mongodb_database="emporium_user")
    async with AsyncExitStack() as stack:
        elsewhere = await stack.enter_async_context(mongo.opened(nowhere))  # nor sessions
        for name, rows in FILL.items():
            settings = await new_database(name)
            database = urlsplit(settings.database_url).path[1:]
            administrator = await asyncpg.connect(postgres.admin_dsn, database=database)
            await administrator.execute(rows)
            await administrator.execute("VACUUM ANALYZE")
            await administrator.close()
            pool: Any = Explaining(
                await stack.enter_async_context(kit_postgres.connected(settings))
            )
            if name == "order":
                served = order_app.registrations(pool, nobody, nobody, "GBP", TOKENS)
                posted = webhook_registration(pool, webhooks_of(pool, nobody), TOKENS)
                served = (*served, posted)
            else:
                served = user_app.registrations(
                    pool, elsewhere, nobody, signer, nobody, callers, Tokens()
                )
            found |= {each.service.full_name: (pool, each.servicer) for each in served}
        yield found


def asked(method: MethodDescriptor, **fields: Any) -> tuple[Any, Context]:
    """A request as staff send it."""
    context = Context({}, None)
    context.caller = Caller(str(uuid.uuid4()), Role.STAFF, expires_at=0)
    context.owner_scope = None
    return GetMessageClass(method.input_type)(**fields), context


async def sorts(servicer: Any, method: MethodDescriptor) -> list[str]:
    """Every sort that the list has, by its own words."""
    with pytest.raises(errors.UnknownSortField) as refused:
        await getattr(servicer, method.name)(*asked(method, sort="?", **required(method)))
    fields = str(refused.value).partition("one of ")[2].split(", ")
    return [f"{field}:{way}" for field in fields for way in ("asc", "desc")]


def required(method: MethodDescriptor) -> dict[str, str]:
    """What the list is of: the fields in its path."""
    http: Any = annotations_pb2.http  # its stub takes it for a plain descriptor
    path: str = method.GetOptions().Extensions[http].get
    return {name: value for name, value in PARENTS.items() if f"{{{name}}}" in path}


PARENTS = {"user_id": OWNER, "order_id": ORDER, "product_id": OWNER, "webhook_id": ORDER}


def filters(method: MethodDescriptor) -> Iterator[dict[str, Any]]:
    """Every combination of the list's filters; a new filter needs a line in `VALUES`."""
    names = [name for name in method.input_type.fields_by_name if name not in PAGING | FORMER]
    optional = [name for name in names if name not in required(method)]
    size = len(optional) if len(optional) <= TOGETHER_MAX else TOGETHER.get(method.name, 2)
    for chosen in (each for n in range(size + 1) for each in itertools.combinations(optional, n)):
        if ASKED_LAST in chosen and len(chosen) > WITH_LAST_MAX:
            continue
        for values in itertools.product(*(VALUES[name] for name in chosen)):
            given = dict(zip(chosen, values, strict=True))
            if {"min_total", "max_total"} & given.keys():
                given = {"currency": "GBP", **given}
            yield {**required(method), **given}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("method", LISTS, ids=lambda method: method.name)
async def test_a_page_reads_a_bounded_number_of_rows(
    served: Served, method: MethodDescriptor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyset, "FEW_MATCHES", FEW)
    monkeypatch.setattr(keyset, "LOOKED_AT_MAX", LOOKED_AT)
    monkeypatch.setattr(keyset, "DEPTH_MAX", SORTED)
    pool, servicer = served[method.containing_service.full_name]
    for sort, given in itertools.product(await sorts(servicer, method), [*filters(method)]):
        pool.reads.clear()
        try:
            await getattr(servicer, method.name)(*asked(method, sort=sort, **given))
        except errors.InvalidFilter as refused:
            if refused.violations[0].field not in ("sort", "status"):  # another list's status
                raise
        rows, statement = max(pool.reads, default=Read(0, ""))
        assert rows <= BOUND, f"{sort} {given}: {rows} rows by {statement}"
