"""Carts in PostgreSQL, each in one row.

A change reads the cart and writes it where it still has the version that was read: two statements,
and no transaction. What must be together with something else locks the row.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

import asyncpg

from server.kit.context import Key
from server.kit.outbox import Wake, append
from server.kit.postgres import Pool, UniqueViolationError, translated
from server.kit.postgres.idempotency import change_once
from server.kit.postgres.transaction import UnitOfWork, transaction
from server.kit.postgres.writes import Write, hexadecimal
from server.order.carts.rules import (
    Cart,
    CartChanged,
    CartNotFound,
    Goods,
    OwnerErased,
    Reach,
    Status,
    check_room,
)
from server.order.carts.store import Encode, Secrets, Turn, rows

_ATTEMPTS_MAX = 20  # at changing one cart: each who is overtaken was overtaken by another

_REACHED = "id = $1 AND (user_id = $2 OR secret_hash = $3 OR $4)"
_COLUMNS = ", ".join(f"carts.{name.strip()}" for name in rows.CARTS.columns.split(","))
_GET = f"SELECT {_COLUMNS} FROM carts WHERE carts.{_REACHED}"
_GET_WITH_GOODS = f"""
    SELECT {_COLUMNS}, goods.* FROM carts LEFT JOIN LATERAL (
        SELECT {rows.GOODS} FROM products WHERE products.id = $5
    ) AS goods ON true
    WHERE carts.{_REACHED}
"""
_LOCK = f"{_GET} FOR UPDATE"
_UPDATE = """
    UPDATE carts SET items = $3::text::jsonb, promotion_codes = $4, shipping_method_id = $5,
           shipping_address = $6::text::jsonb, shipping_address_id = $7, updated_at = $8,
           expires_at = $9, version = version + 1
    WHERE id = $1 AND version = $2 RETURNING version
"""
_OWN = f"""
    SELECT {rows.CARTS.columns} FROM carts WHERE user_id = $1 AND status = 'ACTIVE' FOR UPDATE
"""
# Both, in the order of their ids, whatever is to be merged with what.
_BOTH = f"""
    SELECT {rows.CARTS.columns} FROM carts
    WHERE id = $1 AND secret_hash = $2 OR user_id = $3 AND status = 'ACTIVE'
    ORDER BY id FOR UPDATE
"""
_LOCK_VERSION = "SELECT version FROM carts WHERE id = $1 FOR UPDATE"
_GOODS = f"SELECT products.id::text, {rows.GOODS} FROM products WHERE products.id = ANY($1)"
_DELETE = "DELETE FROM carts WHERE id = $1"
_DELETE_ALL = "DELETE FROM carts WHERE id = ANY($1)"
# Of those from one address one at a time is made: so there are never too many.
_TAKE_TURN = "SELECT pg_advisory_xact_lock(hashtextextended('carts ' || encode($1, 'hex'), 0))"
_COUNT = """
    SELECT count(*) AS count FROM carts WHERE address_hash = $1 AND status = 'ACTIVE'
"""
_DUE = f"""
    SELECT {rows.CARTS.columns} FROM carts WHERE expires_at <= $1
    ORDER BY expires_at, id LIMIT $2 FOR UPDATE SKIP LOCKED
"""

# Of a trigger and an index: migration 0025.
_NOT_ERASED = "carts_owner_is_not_erased"
_ONE_IS_ACTIVE = "carts_one_is_active"


class PostgresCartStore:
    """A `CartStore` on a pool of connections to `emporium_order`."""

    def __init__(self, pool: Pool, encode: Encode, wake: Wake) -> None:
        self._pool = pool
        self._encode = encode
        self._wake = wake

    async def create(
        self,
        cart: Cart,
        secrets: Secrets | None,
        key: Key | None,
        answer: Callable[[Cart], bytes],
    ) -> bytes:
        async def work(unit: UnitOfWork) -> bytes:
            if cart.user_id:
                if found := await unit.lock(rows.CARTS, _OWN, cart.user_id):
                    return answer(rows.to_cart(found[0]))
            elif secrets and secrets.address_hash:
                await unit.fetch(_TAKE_TURN, secrets.address_hash)
                [row] = await unit.fetch(_COUNT, secrets.address_hash)
                check_room(row["count"])
            unit.write(_insert(cart, secrets))
            return answer(cart)

        async def once() -> bytes:
            return await change_once(self._pool, work, key, subject=cart.user_id)

        with translated():
            try:
                return await once()
            except UniqueViolationError as error:
                if error.constraint_name != _ONE_IS_ACTIVE:
                    raise
                return await once()  # another call has made it meanwhile
            except asyncpg.CheckViolationError as error:
                raise _erased(error) from error

    async def get(self, cart_id: str, reach: Reach) -> Cart:
        with translated():
            row = await self._pool.fetchrow(_GET, cart_id, *reach)
        if row is None:
            raise CartNotFound
        return rows.to_cart(row)

    async def update(
        self,
        cart_id: str,
        reach: Reach,
        change: Callable[[Cart, Goods | None], Cart],
        product_id: str | None = None,
    ) -> tuple[Cart, Goods | None]:
        for _ in range(_ATTEMPTS_MAX):
            before, goods = await self._read(cart_id, reach, product_id)
            after = change(before, goods)
            if after is before or await self._replace(before, after):
                return after, goods
        raise CartChanged("the cart is being changed by others; try again")

    async def delete(self, cart_id: str, reach: Reach, check: Callable[[Cart], None]) -> None:
        async def work(unit: UnitOfWork) -> None:
            found = await unit.lock(rows.CARTS, _LOCK, cart_id, *reach)
            if not found:
                raise CartNotFound
            check(rows.to_cart(found[0]))
            unit.write(Write(_DELETE, (cart_id,)))

        await transaction(self._pool, work, completes_call=True)

    async def merge(
        self,
        cart_id: str,
        reach: Reach,
        own: Cart,
        change: Callable[[Cart, Cart], tuple[Cart, Cart]],
    ) -> Cart:
        owner = own.user_id

        async def work(unit: UnitOfWork) -> Cart:
            locked = await unit.lock(rows.CARTS, _BOTH, cart_id, reach.secret_hash, owner)
            carts = {cart.user_id: cart for cart in map(rows.to_cart, locked)}
            other, active = carts.get(None), carts.get(owner)
            into = other.merged_into if other else cart_id
            if into and (found := await unit.fetch(_GET, into, owner, None, False)):
                return rows.to_cart(found[0])
            if other is None:
                raise CartNotFound
            gone, after = change(other, active or own)
            unit.write(rows.CARTS.update([rows.row(gone)] + [rows.row(after)] * bool(active)))
            if active is None:
                unit.write(_insert(after, None))
            return after

        with translated():
            try:
                return await transaction(self._pool, work, completes_call=True)
            except UniqueViolationError as error:
                if error.constraint_name != _ONE_IS_ACTIVE:
                    raise
                return await transaction(self._pool, work, completes_call=True)
            except asyncpg.CheckViolationError as error:
                raise _erased(error) from error

    def ordering(self, before: Cart, after: Cart) -> Turn:
        async def turn(unit: UnitOfWork) -> Write:
            found = await unit.lock(rows.CARTS, _LOCK_VERSION, before.id)
            if not found or found[0]["version"] != before.version:
                raise CartChanged("the cart was changed meanwhile; try again")
            return rows.CARTS.update([rows.row(after)])

        return turn

    async def goods(self, product_ids: Collection[str]) -> Mapping[str, Goods]:
        with translated():
            found = await self._pool.fetch(_GOODS, product_ids) if product_ids else []
        return {row["id"]: rows.to_goods(row) for row in found}

    async def abandon(self, now: datetime, count_max: int) -> int:
        async def work(unit: UnitOfWork) -> int:
            found = await unit.lock(rows.CARTS, _DUE, now, count_max)
            carts = [rows.to_cart(row) for row in found]
            left = [each for each in carts if each.status is Status.ACTIVE and each.items]
            if carts:
                unit.write(Write(_DELETE_ALL, ([each.id for each in carts],)))
            if left:
                unit.write(append([self._encode(each, now) for each in left]))
            return len(carts)

        count = await transaction(self._pool, work)
        if count:
            self._wake()
        return count

    async def _read(
        self, cart_id: str, reach: Reach, product_id: str | None
    ) -> tuple[Cart, Goods | None]:
        if product_id is None:
            return await self.get(cart_id, reach), None
        with translated():
            row = await self._pool.fetchrow(_GET_WITH_GOODS, cart_id, *reach, product_id)
        if row is None:
            raise CartNotFound
        return rows.to_cart(row), rows.to_goods(row) if row["name"] is not None else None

    async def _replace(self, before: Cart, after: Cart) -> bool:
        """Whether the cart was still as it was."""
        with translated():
            version = await self._pool.fetchval(
                _UPDATE, before.id, before.version, *rows.columns_of(after)
            )
        return version is not None


def _insert(cart: Cart, secrets: Secrets | None) -> Write:
    secret, address = secrets or (None, None)
    hashes = {
        "secret_hash": hexadecimal(secret) if secret else None,
        "address_hash": hexadecimal(address) if address else None,
    }
    return rows.NEW.insert([rows.row(cart) | hashes])


def _erased(error: asyncpg.CheckViolationError) -> Exception:
    if error.constraint_name != _NOT_ERASED:
        return error
    return OwnerErased("the account was deleted or disabled")
