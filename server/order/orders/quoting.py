"""What an order comes to: by what is offered, how it is sent, promotions and taxes."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple

from server.kit.context import Caller
from server.order.addresses.rules import AddressNotFound
from server.order.addresses.store import AddressStore
from server.order.catalog.store import CatalogStore
from server.order.orders import rules
from server.order.pricing.store import TermsStore
from server.order.shipping.store import MethodStore


class Quoting(NamedTuple):
    """Quotes orders, the same for those who ask and for those who buy."""

    catalog: CatalogStore
    methods: MethodStore
    terms: TermsStore
    addresses: AddressStore
    shop_currency: str

    async def quote_addressed(
        self, new: rules.NewOrder, caller: Caller
    ) -> tuple[rules.NewOrder, rules.Quote]:
        """`new` with the saved address that it names, and what it comes to now.

        Raises `AddressNotFound` for one that is not the buyer's, and as `quote`.
        """
        if named := new.shipping_address_id:
            buyer_id = new.user_id or caller.id
            try:
                saved = await self.addresses.get(buyer_id, named)
            except AddressNotFound as error:
                field = "shipping_address_id"
                raise AddressNotFound(f"{field}: {error.message}", field=field) from error
            new = replace(new, shipping_address=saved.address)
        return new, await self.quote(new, caller)

    async def quote(self, new: rules.NewOrder, caller: Caller) -> rules.Quote:
        """What `new` comes to now. Raises as `rules.quote`; `ShippingMethodNotFound`."""
        product_ids = new.product_ids
        offers = await self.catalog.offers(product_ids)
        if not caller.is_staff:
            offers = rules.sold(offers, product_ids)
        sent_by = new.shipping_method_id
        method = await self.methods.get(sent_by, only_active=True) if sent_by else None
        terms = await self.terms.read(
            new.promotion_codes, new.user_id or caller.id, datetime.now(UTC), taxed=new.is_taxed
        )
        return rules.quote(new, offers, self.shop_currency, method, terms)

    async def taxing(self, items: Sequence[rules.Item]) -> rules.Taxing:
        """What an order with these lines is taxed by, wherever it is sent."""
        product_ids = {item.product_id for item in items if item.product_id}
        offers = await self.catalog.offers(product_ids) if product_ids else {}
        terms = await self.terms.read((), "", datetime.now(UTC), taxed=True)
        return rules.Taxing(terms.taxes, {key: each.categories for key, each in offers.items()})
