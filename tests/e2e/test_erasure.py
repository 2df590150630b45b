"""A person is erased from the whole system: what is planted at every door is in no database after.

The mailbox is the operator's, and no database.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient

from emporium import Emporium
from server.local.cluster import Cluster
from tests.e2e.conftest import Rest, error_of, target
from tests.e2e.test_mail import emporium
from tests.waiting import until

PASSWORD = "correct horse"
# What an erased person leaves: the proof that they were, what keeps them out, and ids in the audit
# log, whose key of all else is gone.
PROOFS = {
    "postgres user: erasures",
    "postgres user: erasure_receipts",
    "postgres order: erasures",
    "mongodb user: erasures",
    "mongodb analytics: erasures",
    "postgres user: revocations",
    "postgres user: audit_logs",
    "postgres user: audit_origins",
}
ON_THE_WAY = {"postgres order: audit_waiting", "mongodb analytics: audit_waiting"}  # to the log


class Databases:
    """Every database of a cluster, read as a whole."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def holding(self, *texts: str) -> set[str]:
        """The tables and collections in which one of the texts stands anywhere."""
        wanted = [text.lower() for text in texts]
        found = {where async for where, text in self._rows() if any(w in text for w in wanted)}
        return found - ON_THE_WAY

    async def _rows(self) -> AsyncIterator[tuple[str, str]]:
        for service in ("user", "order"):
            connection = await asyncpg.connect(self._cluster.record.postgres[service])
            tables = await connection.fetch(
                "SELECT relname FROM pg_class"
                " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
            )
            for [table] in tables:
                for row in await connection.fetch(f'SELECT * FROM "{table}"'):
                    yield f"postgres {service}: {table}", _text([*row.values()])
            await connection.close()
        client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
            self._cluster.record.mongodb_uri, uuidRepresentation="standard"
        )
        async with client:
            for service in ("user", "analytics"):
                database = client[f"emporium_{service}"]
                for name in await database.list_collection_names():
                    async for document in database[name].find({}):
                        yield f"mongodb {service}: {name}", _text(document)


def _text(value: Any) -> str:
    """Whatever it is, as text in lower case; bytes are shown so that text in them is seen."""
    if isinstance(value, bytes):
        return value.decode("latin-1").lower()
    if isinstance(value, dict):
        return " ".join(f"{_text(key)} {_text(each)}" for key, each in value.items())
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return str(value).lower()


@pytest.fixture
def databases(cluster: Cluster) -> Databases:
    return Databases(cluster)


class Person:
    """Somebody who has left something at every door."""

    def __init__(self, cluster: Cluster, http: httpx.AsyncClient, admin: Rest) -> None:
        self.canary = f"canary{uuid.uuid4().hex[:12]}"
        self.email = f"{self.canary}@example.com"
        self.id, self.token = "", ""
        self.orders: list[Any] = []
        self._cluster = cluster
        self._http = http
        self._admin = admin

    @property
    def rest(self) -> Rest:
        return Rest(self._http, self.token)

    async def signs_up(self) -> None:
        body = {"email": self.email, "full_name": self.canary, "password": PASSWORD}
        anyone, key = Rest(self._http), {"Idempotency-Key": self.canary}
        self.id = (await anyone.data("POST", "/users", body, headers=key))["id"]
        login = {"email": self.email, "password": PASSWORD}
        agent = {"User-Agent": self.canary}
        given = await anyone.data("POST", "/auth/login", login, headers=agent)
        self.token = given["access_token"]
        await anyone("POST", "/auth/password:forgot", {"email": self.email.upper()})
        await self.rest.data("PATCH", f"/users/{self.id}", {"full_name": f"{self.canary} too"})
        await self.rest.data("PATCH", f"/users/{self.id}", {"email": f"{self.canary}@example.net"})
        key = {"Idempotency-Key": uuid.uuid4().hex}
        await self._admin.data("POST", f"/users/{self.id}:reinstate", {}, headers=key)

    async def buys(self, product_id: str, staff: Rest) -> None:
        address = {
            "recipient": self.canary,
            "street": f"9 {self.canary} Row",
            "city": "Leeds",
            "country_code": "GB",
        }
        body = {
            "items": [{"product_id": product_id, "quantity": 1}],
            "shipping_address": address,
        }
        key = {"Idempotency-Key": self.canary}
        self.orders = [
            await self.rest.data("POST", "/orders", body, headers=key),
            await staff.data("POST", "/orders", {**body, "user_id": self.id}, headers=key),
            await self.rest.data("POST", "/orders", body),
        ]
        gone = self.orders.pop()
        await self.rest("DELETE", f"/orders/{gone['id']}")
        edit = {"shipping_address": {**address, "street": f"10 {self.canary} Row"}}
        await self.rest.data("PATCH", f"/orders/{self.orders[0]['id']}", edit)

    async def looks_around(self) -> None:
        event = {"type": "product.viewed", "properties": {"from_page": self.canary}}
        await self.rest.data("POST", "/events", event)

    async def erased(self) -> Any:
        """The erasure, once every store is done."""

        async def is_complete() -> bool:
            return bool((await self._erasure())["complete"])

        await until(is_complete)
        return await self._erasure()

    async def _erasure(self) -> Any:
        return await self._admin.data("GET", f"/erasures/{self.id}")


@pytest_asyncio.fixture
async def person(
    cluster: Cluster,
    http: httpx.AsyncClient,
    admin: Rest,
    staff: Rest,
    products: list[dict[str, Any]],
) -> Person:
    made = Person(cluster, http, admin)
    await made.signs_up()
    await made.buys(products[0]["id"], staff)
    await made.looks_around()
    return made


async def sales(staff: Rest) -> Any:
    return await staff.data("GET", "/reports/sales")


async def test_nothing_of_an_erased_person_is_left_anywhere(
    person: Person, databases: Databases, staff: Rest, admin: Rest, cluster: Cluster
) -> None:
    async def has_arrived() -> bool:
        return "mongodb analytics: orders" in await databases.holding(person.id)

    await until(has_arrived)
    planted = await databases.holding(person.canary, person.id)
    assert {
        "postgres user: users",
        "postgres user: idempotency_keys",
        "postgres user: one_time_tokens",
        "postgres order: orders",
        "postgres order: idempotency_keys",
        "mongodb user: sessions",
        "mongodb analytics: events",
    } <= planted, "else this looks in the wrong places"
    export = await person.rest.data("GET", f"/users/{person.id}/export")
    assert export["missing"] == []
    counts = {part["name"]: part["record_count"] for part in export["parts"]}
    assert (counts["orders"], counts["activity"]) == (2, 1)
    before = await sales(staff)

    answer = await person.rest("DELETE", f"/users/{person.id}")
    assert answer.status_code == 204
    erasure = await person.erased()
    assert {receipt["store"]: receipt["state"] for receipt in erasure["receipts"]} == {
        "user/postgres": "COMPLETE",
        "user/mongodb": "COMPLETE",
        "order/postgres": "COMPLETE",
        "analytics/mongodb": "COMPLETE",
    }
    assert erasure["receipts"][2]["erased"]["orders"] == 2
    assert await databases.holding(person.id, person.canary) == PROOFS
    assert await databases.holding(person.canary) == set()

    # The books are as they were.
    assert await sales(staff) == before
    for order in person.orders:
        left = await staff.data("GET", f"/orders/{order['id']}")
        assert (left["user_id"], left["total_price"]) == ("", order["total_price"])
        assert left["shipping_address"]["country_code"] == "GB"
        assert left["items"] == order["items"]

    # Nor does a token that is good still, or staff, bring anything back.
    event = {"type": "product.viewed", "properties": {"from_page": person.canary}}
    error_of(await person.rest("POST", "/events", event), 401)
    line = {"product_id": order["items"][0]["product_id"], "quantity": 1}
    late = {"items": [line], "user_id": person.id}
    assert error_of(await staff("POST", "/orders", late), 409)["code"] == "USER_ERASED"
    await person.rest("POST", "/orders", {"items": [line]})
    assert await databases.holding(person.id, person.canary) == PROOFS
    error_of(await admin("GET", f"/users/{person.id}/export"), 404)

    again = {"email": person.email, "full_name": "Somebody", "password": PASSWORD}
    assert (await admin.data("POST", "/users", again))["id"] != person.id


async def test_the_client_exports_and_knows_of_erasures(
    person: Person, cluster: Cluster, admin: Rest
) -> None:
    for door in ("edge", "service"):
        async with Emporium(target(cluster, door, "user"), token=cluster.token("admin")) as shop:
            export = await shop.users.export(person.id)
            assert {part.name for part in export.parts} >= {"account", "orders", "activity"}
            [page] = (await shop.users.export(person.id, part="orders")).parts
            assert page.record_count == 2
    await admin("DELETE", f"/users/{person.id}")
    await person.erased()
    async with Emporium(target(cluster, "edge"), token=cluster.token("admin")) as shop:
        erasure = await shop.users.erasure(person.id)
    assert erasure.complete
    assert len(erasure.receipts) == 4
    shown = await emporium(cluster, "erasure", person.id)
    assert [line.split("  ")[0] for line in shown.splitlines()] == [
        "user/postgres",
        "user/mongodb",
        "order/postgres",
        "analytics/mongodb",
    ]
    assert "orders 2" in shown


async def test_an_erasure_of_nobody_is_not_there(admin: Rest, customer: Rest) -> None:
    path = f"/erasures/{uuid.uuid4()}"
    assert error_of(await admin("GET", path), 404)["code"] == "ERASURE_NOT_FOUND"
    error_of(await customer("GET", path), 403)
    assert error_of(await admin("GET", "/erasures/7"), 422)["code"] == "VALIDATION_FAILED"


async def test_services_alone_erase_at_the_others(cluster: Cluster) -> None:
    """The edge does not offer it, whatever the token."""
    token = cluster.token("admin")
    async with Emporium(target(cluster, "edge"), token=token) as shop:
        outcomes = await asyncio.gather(
            shop.orders.export_buyer(str(uuid.uuid4())),
            shop.events.export_activity(str(uuid.uuid4())),
            return_exceptions=True,
        )
    assert [type(each).__name__ for each in outcomes] == ["Unimplemented"] * 2
