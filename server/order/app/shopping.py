"""What customers do before an order: the addresses that they save, and their carts."""

from collections.abc import Sequence
from functools import partial

from emporium.order.v1 import address_service_pb2, cart_service_pb2
from server.kit import outbox
from server.kit.call.idempotency import answering_repeats
from server.kit.lifecycle import Registration
from server.kit.listing.tokens import PageTokens
from server.kit.postgres import Pool
from server.kit.postgres.idempotency import first_answer
from server.order.addresses.service import AddressService
from server.order.addresses.store import PostgresAddressStore
from server.order.carts.service import Buying, CartService
from server.order.carts.store.carts import PostgresCartStore
from server.order.events.carts import abandoned


def cart_store(pool: Pool, wake: outbox.Wake) -> PostgresCartStore:
    """The carts."""
    return PostgresCartStore(pool, abandoned, wake)


def shopping(
    pool: Pool,
    wake: outbox.Wake,
    saved: PostgresAddressStore,
    buying: Buying,
    tokens: PageTokens,
    address_key: bytes,
) -> Sequence[Registration]:
    """The services of addresses and of carts."""
    once = partial(first_answer, pool)
    addresses = address_service_pb2.DESCRIPTOR.services_by_name["AddressService"]
    carts = cart_service_pb2.DESCRIPTOR.services_by_name["CartService"]
    by_cart = CartService(cart_store(pool, wake), buying, address_key)
    return (
        Registration(addresses, answering_repeats(addresses, AddressService(saved, tokens), once)),
        Registration(carts, answering_repeats(carts, by_cart, once)),
    )
