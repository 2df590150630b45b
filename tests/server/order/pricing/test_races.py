"""No promotion is used more often than it may be: many buyers at once, over two replicas."""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import grpc
import pytest
import pytest_asyncio

from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.order.v1 import pricing_service_pb2 as pb
from emporium.order.v1.catalog_service_pb2 import Product
from server.kit.postgres import Pool, connected
from server.local.engines.postgres import EmbeddedPostgres
from server.order.app import registrations
from server.order.pricing.rules.codes import Counted
from server.order.pricing.store import uses
from server.order.pricing.store.promotions import to_promotion
from server.settings import Postgres
from tests.effort import Effort
from tests.server.conftest import NewDatabase, Serve, Token
from tests.server.order.conftest import SHOP_CURRENCY, FakeAccounts, FakeUsers
from tests.server.order.doors import Door, adjust, item, new_product, order_of, update
from tests.server.order.pricing.test_service_promotions import made, reading
from tests.server.order.stock.ledger import balance
from tests.server.order.stock.test_races import deadlocks, outcome, products
from tests.server.tokens import TOKENS

_USES = "SELECT count(*) FROM promotion_uses WHERE promotion_id = $1"


@pytest.fixture
def crowd(replicas: Sequence[grpc.aio.Channel], token: Token) -> Sequence[Door]:
    """A hundred customers, half of them at each replica."""
    return [*crowd_of(replicas, token)]


def crowd_of(channels: Sequence[grpc.aio.Channel], token: Token) -> Iterator[Door]:
    for n in range(100):
        user_id = str(uuid.uuid4())
        yield Door(channels[n % 2], token("CUSTOMER", user_id), user_id)


async def ordered(crowd: Sequence[Door], request: order_pb.CreateOrderRequest) -> Counter[str]:
    """How it ended for each, all at once."""
    found = await asyncio.gather(*(outcome(each("CreateOrder", request)) for each in crowd))
    return Counter("OK" if isinstance(each, order_pb.Order) else each.reason for each in found)


def unlocked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The defence switched off: what is read of promotions is not locked."""

    async def lock(self: Any, unit: Any, wanted: Any) -> Counted:
        ids = {each.id for taken in wanted for each in taken.promotions}
        found = await unit.fetch(uses._LOCK.replace("FOR NO KEY UPDATE", ""), ids)
        promotions = {each.id: each for each in map(to_promotion, found)}
        await asyncio.sleep(0.05)  # so that the other has read, too
        return Counted(promotions, {each.id: each.uses for each in promotions.values()}, {})

    monkeypatch.setattr(uses.PromotionUses, "lock", lock)


@pytest.mark.parametrize("of_products", [True, False])
async def test_a_hundred_buyers_of_ten_uses_get_ten(
    staff: Door, crowd: Sequence[Door], mug: Product, order_pool: Pool, of_products: bool
) -> None:
    ten = await made(staff, uses_max=10)
    if of_products:
        await staff("AdjustStock", adjust(mug, 1_000))
    request = order_of(item(mug), promotion_codes=[ten.code])
    assert await ordered(crowd, request) == {"OK": 10, "PROMOTION_USED_UP": 90}
    assert (await staff("GetPromotion", reading(ten))).uses == 10
    assert await order_pool.fetchval(_USES, ten.id) == 10


async def test_a_person_at_two_replicas_gets_what_one_may_have(
    staff: Door, buyers: Sequence[Door], mug: Product
) -> None:
    thrice = await made(staff, uses_max_per_person=3)
    request = order_of(item(mug), promotion_codes=[thrice.code])
    found = await ordered([buyers[n % 2] for n in range(40)], request)
    assert found == {"OK": 3, "PROMOTION_USED_BY_PERSON": 37}


async def test_without_the_lock_the_database_holds(
    staff: Door, crowd: Sequence[Door], mug: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rules that count what is not locked admit too many; the constraint does not."""
    ten = await made(staff, uses_max=10)
    unlocked(monkeypatch)
    found = await ordered(crowd, order_of(item(mug), promotion_codes=[ten.code]))
    assert found["OK"] <= 10
    assert set(found) <= {"OK", "PROMOTION_USED_UP"}
    assert (await staff("GetPromotion", reading(ten))).uses == found["OK"]


async def test_without_the_lock_the_database_holds_for_a_person(
    staff: Door, buyers: Sequence[Door], mug: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    once = await made(staff, uses_max_per_person=1)
    unlocked(monkeypatch)
    request = order_of(item(mug), promotion_codes=[once.code])
    found = await ordered([buyers[n % 2] for n in range(10)], request)
    assert set(found) <= {"OK", "PROMOTION_USED_BY_PERSON"}
    assert (await staff("GetPromotion", reading(once))).uses == found["OK"] <= 1


@pytest_asyncio.fixture
async def unconstrained(
    new_database: NewDatabase,
    postgres: EmbeddedPostgres,
    serve: Serve,
    shared_users: FakeUsers,
    accounts: FakeAccounts,
) -> AsyncIterator[Sequence[grpc.aio.Channel]]:
    """Two replicas over a database without the constraint of uses."""
    settings: Postgres = await new_database("order")
    database = urlsplit(settings.database_url).path[1:]
    owner = await asyncpg.connect(postgres.admin_dsn, database=database)
    await owner.execute("ALTER TABLE promotions DROP CONSTRAINT promotions_uses_are_left")
    await owner.close()
    async with AsyncExitStack() as stack:
        channels = []
        for _ in range(2):
            pool = await stack.enter_async_context(connected(settings))
            services = registrations(pool, shared_users, lambda: None, SHOP_CURRENCY, TOKENS)
            channels.append(await stack.enter_async_context(serve(services, accounts)))
        yield channels


@pytest.mark.parametrize("has_lock", [True, False])
async def test_without_the_constraint_the_lock_holds_and_without_both_nothing_does(
    unconstrained: Sequence[grpc.aio.Channel],
    token: Token,
    monkeypatch: pytest.MonkeyPatch,
    has_lock: bool,
) -> None:
    """The control of all the above."""
    staff = Door(unconstrained[0], token("STAFF", str(uuid.uuid4())))
    product = await staff("CreateProduct", new_product())
    crowd = [*crowd_of(unconstrained, token)]

    async def race() -> Counter[str]:
        ten = await made(staff, uses_max=10)
        return await ordered(crowd, order_of(item(product), promotion_codes=[ten.code]))

    if has_lock:
        assert await race() == {"OK": 10, "PROMOTION_USED_UP": 90}
    else:
        unlocked(monkeypatch)
        # Who comes together is chance: not each race is lost.
        assert max([(await race())["OK"] for _ in range(5)]) > 10


async def test_codes_and_goods_and_cancels_meet_in_no_deadlock(
    staff: Door, crowd: Sequence[Door], order_pool: Pool, effort: Effort
) -> None:
    chance = random.Random(effort.seed)
    shelf = await products(staff, 6, 60)
    codes = [(await made(staff, uses_max=chance.randint(5, 40))) for _ in range(4)]
    before = await deadlocks(order_pool)
    live: list[order_pb.Order] = []

    async def shop(door: Door, chosen: Sequence[Product], wanted: Sequence[str]) -> str:
        lines = [item(each) for each in chosen]
        end = await outcome(door("CreateOrder", order_of(*lines, promotion_codes=wanted)))
        if not isinstance(end, order_pb.Order):
            return str(end.reason)
        if len(chosen) % 2:
            live.append(end)
            return "OK"
        return "OK" if await door("UpdateOrder", update(end, status="CANCELLED")) else ""

    tasks = [
        shop(
            door,
            chance.choices(shelf, k=chance.choice([1, 2, 3, 25])),
            [each.code for each in chance.sample(codes, k=chance.randint(0, 3))],
        )
        for door in crowd
    ]
    assert set(await asyncio.gather(*tasks)) <= {"OK", "OUT_OF_STOCK", "PROMOTION_USED_UP"}
    assert await deadlocks(order_pool) == before
    kept = Counter(code for order in live for code in order.promotion_codes)
    for each in codes:
        found: pb.Promotion = await staff("GetPromotion", reading(each))
        assert found.uses == kept[each.code] <= each.uses_max
        assert await order_pool.fetchval(_USES, each.id) == found.uses
    wanted = Counter(line.product_id for order in live for line in order.items)
    for product in shelf:
        assert await balance(order_pool, product.id) == (60, wanted[product.id])


async def test_one_key_uses_a_promotion_once(
    staff: Door, buyers: Sequence[Door], mug: Product
) -> None:
    code = await made(staff, uses_max=3)
    request = order_of(item(mug), promotion_codes=[code.code], request_id=uuid.uuid4().hex)
    found = await asyncio.gather(*(buyers[n % 2]("CreateOrder", request) for n in range(30)))
    assert len({each.id for each in found}) == 1
    assert (await staff("GetPromotion", reading(code))).uses == 1
