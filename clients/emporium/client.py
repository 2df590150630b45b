"""The client itself."""

import asyncio
from collections.abc import Mapping
from functools import cached_property
from types import TracebackType
from typing import Self

import grpc

from emporium.channel import open_channel
from emporium.connection import Connection
from emporium.resources.addresses import Addresses
from emporium.resources.api_keys import ApiKeys
from emporium.resources.audit import Audit
from emporium.resources.auth import Auth
from emporium.resources.carts import Carts
from emporium.resources.categories import Categories
from emporium.resources.events import Events
from emporium.resources.orders import Orders
from emporium.resources.payments import Payments
from emporium.resources.prices import Prices
from emporium.resources.products import Products
from emporium.resources.promotions import Promotions
from emporium.resources.reports import Reports
from emporium.resources.returns import Returns
from emporium.resources.revocations import Revocations
from emporium.resources.shipping import Shipments, ShippingMethods
from emporium.resources.stock import StockLevels
from emporium.resources.tax_rates import TaxRates
from emporium.resources.users import Users
from emporium.resources.webhooks import Webhooks
from emporium.session import Session, Token
from emporium.targets import Target, Targets
from emporium.tls import Tls


class Emporium:
    """The client of all services: `shop.users`, `shop.orders` and so on.

    `targets` is the edge's address, which leads to everything, or a `Targets` (or a mapping with
    its names) with an address for each service. `token` is an access token, or an async callable
    that supplies one, awaited for every call, and again when that token is refused: where it then
    gives another, the call is made once more. `api_key` is for programs: the client exchanges it
    for tokens by itself, once for all calls at the same time. `timeout_seconds` is for calls
    without a timeout of their own. `tls` names the files of authorities other than the system's,
    and of a certificate of the client's own; `credentials` are instead of it, for TLS that comes
    from elsewhere.

    Belongs to the running event loop: create it within. It connects when it is first used.
    Raises `ValueError` for an invalid address, token, key, timeout or file, and `RuntimeError`
    without a loop.
    """

    def __init__(
        self,
        targets: str | Targets | Mapping[str, str],
        *,
        token: Token | None = None,
        api_key: str | None = None,
        timeout_seconds: float = 10.0,
        credentials: grpc.ChannelCredentials | None = None,
        tls: Tls | None = None,
    ) -> None:
        if token is not None and api_key is not None:
            raise ValueError("give a token or an api_key, not both")
        asyncio.get_running_loop()  # Raises here, where the error is clear, if there is none.
        if tls is not None and credentials is not None:
            raise ValueError("tls and credentials exclude each other: give one of them")
        self._session = Session(token, timeout_seconds)
        self._peers = {
            service: (address, service if tls and tls.by_service else "")
            for service, address in vars(Targets.of(targets)).items()
            if address is not None
        }
        # Services that share an address, as behind the edge, share a connection.
        self._connections = {
            (address, name): Connection(
                open_channel(Target.parse(address), credentials, tls, name), self._session
            )
            for address, name in {*self._peers.values()}
        }
        if api_key is not None:
            self.api_keys.keep(api_key)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self, grace_seconds: float | None = None) -> None:
        """Waits `grace_seconds` for calls under way, then ends the rest with `Cancelled`.

        Calls made from now on raise `Cancelled` too. Closing twice does nothing more.
        """
        self._session.is_closed = True
        await asyncio.gather(
            *(connection.channel.close(grace_seconds) for connection in self._connections.values())
        )

    @property
    def token(self) -> Token | None:
        """The token that is sent: as given, as of the last login or
        what has followed it, or as set here. Setting it ends what the client does by itself.

        Raises `ValueError` for one that no header can carry. Space around it is removed.
        """
        return self._session.token

    @token.setter
    def token(self, token: Token | None) -> None:
        self._session.token = token

    @cached_property
    def auth(self) -> Auth:
        """Signing in, and the sessions that come of it."""
        return Auth(self._connection("user"))

    @cached_property
    def audit(self) -> Audit:
        """Who did what to whom."""
        return Audit(self._connection("user"))

    @cached_property
    def api_keys(self) -> ApiKeys:
        """What programs sign in with."""
        return ApiKeys(self._connection("user"))

    @cached_property
    def users(self) -> Users:
        """Accounts."""
        return Users(self._connection("user"))

    @cached_property
    def revocations(self) -> Revocations:
        """What access tokens say and is not so any more."""
        return Revocations(self._connection("user"))

    @cached_property
    def products(self) -> Products:
        """What the shop sells."""
        return Products(self._connection("order"))

    @cached_property
    def stock(self) -> StockLevels:
        """How much there is of it."""
        return StockLevels(self._connection("order"))

    @cached_property
    def payments(self) -> Payments:
        """What is paid for orders."""
        return Payments(self._connection("order"))

    @cached_property
    def prices(self) -> Prices:
        """What many of a product cost each."""
        return Prices(self._connection("order"))

    @cached_property
    def promotions(self) -> Promotions:
        """Codes by which orders cost less."""
        return Promotions(self._connection("order"))

    @cached_property
    def tax_rates(self) -> TaxRates:
        """By which orders are taxed."""
        return TaxRates(self._connection("order"))

    @cached_property
    def webhooks(self) -> Webhooks:
        """Where events are posted to."""
        return Webhooks(self._connection("order"))

    @cached_property
    def categories(self) -> Categories:
        """What it is grouped by."""
        return Categories(self._connection("order"))

    @cached_property
    def shipping_methods(self) -> ShippingMethods:
        """How it is sent."""
        return ShippingMethods(self._connection("order"))

    @cached_property
    def shipments(self) -> Shipments:
        """What was sent."""
        return Shipments(self._connection("order"))

    @cached_property
    def addresses(self) -> Addresses:
        """Where people have it sent."""
        return Addresses(self._connection("order"))

    @cached_property
    def carts(self) -> Carts:
        """What may be ordered."""
        return Carts(self._connection("order"))

    @cached_property
    def returns(self) -> Returns:
        """What buyers send back."""
        return Returns(self._connection("order"))

    @cached_property
    def orders(self) -> Orders:
        """What was ordered."""
        return Orders(self._connection("order"))

    @cached_property
    def events(self) -> Events:
        """What happened."""
        return Events(self._connection("analytics"))

    @cached_property
    def reports(self) -> Reports:
        """What was sold."""
        return Reports(self._connection("analytics"))

    def _connection(self, service: str) -> Connection:
        if service not in self._peers:
            raise LookupError(f"this client was given no target for the {service} service")
        return self._connections[self._peers[service]]
