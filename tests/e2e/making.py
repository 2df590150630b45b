"""Callers on a real cluster, and what there is to call about: made anew for whoever asks."""

import asyncio
import uuid
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import httpx
import pyotp
from google.protobuf.descriptor import MethodDescriptor

from emporium.options.v1 import options_pb2
from emporium.type.v1 import role_pb2
from server.local.home import keys
from server.local.home.folder import Home
from tests.e2e.conftest import CALL_TIMEOUT_SECONDS, new_email, prove

PASSWORD = "correct horse battery"
_TOKEN_SECONDS = 7200
_ACCESS: Any = options_pb2.access
# Operations that are not about just anything of the kind.
_ABOUT_ONESELF = {"ExportUser"}
_ABOUT_THE_ERASED = {"GetErasure"}


class Caller(NamedTuple):
    """Somebody with an account."""

    id: str
    email: str
    token: str


def role_of(rpc: MethodDescriptor) -> str:
    """The most that its access names; of what anybody may call, whoever may say the most there."""
    named = set(rpc.GetOptions().Extensions[_ACCESS].roles) - {role_pb2.SERVICE}
    return role_pb2.Role.Name(max(named, default=role_pb2.ADMIN))


class Scene:
    """Makes what it is asked for by REST, as the admin whose `token` it has."""

    def __init__(self, edge: str, home: Home, token: str) -> None:
        self._home = home
        self._token = token
        self._http = httpx.Client(base_url=f"{edge}/api/v1", timeout=CALL_TIMEOUT_SECONDS)

    def _made(self, path: str, body: Any, token: str = "") -> Any:
        headers = {"authorization": f"Bearer {token or self._token}"}
        answer = self._http.post(path, json=body, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()["data"]

    def caller(self, role: str = "CUSTOMER", *, signs_in: bool = True) -> Caller:
        """Whose account is known to be theirs, with a password where somebody is to sign in."""
        person = {"email": new_email(), "full_name": "Ann"}
        account = self._made("/users", person | ({"password": PASSWORD} if signs_in else {}))
        asyncio.run(prove(self._home, account["id"]))
        self._made(f"/users/{account['id']}:setRole", {"role": role})
        token = keys.token(self._home, account["id"], role, _TOKEN_SECONDS)
        return Caller(account["id"], account["email"], token)

    def user(self) -> str:
        return self.caller(signs_in=False).id

    def erased_user(self) -> str:
        user = self.user()
        headers = {"authorization": f"Bearer {self._token}"}
        assert self._http.delete(f"/users/{user}", headers=headers).is_success
        return user

    def product(self) -> str:
        new = {"sku": uuid.uuid4().hex, "name": "Lamp", "unit_price": "1.25"}
        return str(self._made("/products", new)["id"])

    def category(self) -> str:
        return str(self._made("/categories", {"name": "Lamps"})["id"])

    def promotion(self) -> str:
        new = {"code": uuid.uuid4().hex, "name": "Lamps", "percentage": "10"}
        return str(self._made("/promotions", new)["id"])

    def tax_rate(self) -> str:
        new = {"country_code": "GB", "category_id": self.category(), "name": "VAT", "rate": "5"}
        return str(self._made("/tax-rates", new)["id"])

    def order(self, caller: Caller) -> str:
        line = {"product_name": "Lamp", "unit_price": "1.25", "quantity": 1}
        return str(self._made("/orders", {"items": [line], "user_id": caller.id})["id"])

    def paid_order(self, caller: Caller) -> str:
        order = self.order(caller)
        headers = {"authorization": f"Bearer {self._token}"}
        answer = self._http.patch(f"/orders/{order}", json={"status": "PAID"}, headers=headers)
        assert answer.is_success, answer.text
        return order

    def shipment(self, caller: Caller) -> str:
        """Of all of an order of the caller's."""
        return str(self._made(f"/orders/{self.paid_order(caller)}/shipments", {})["id"])

    def shipped_order(self, caller: Caller) -> str:
        order = self.paid_order(caller)
        self._made(f"/orders/{order}/shipments", {})
        return order

    def returned(self, caller: Caller) -> str:
        """Of all of an order of the caller's."""
        order = self.shipped_order(caller)
        return str(self._made(f"/orders/{order}/returns", {"reason": "UNWANTED"})["id"])

    def shipping_method(self) -> str:
        zone = {"country_codes": ["*"], "bands": [{"price": "1.25"}]}
        return str(self._made("/shipping-methods", {"name": "By road", "zones": [zone]})["id"])

    def webhook(self) -> str:
        new = {"url": "https://partner.invalid", "event_types": ["emporium.order.v1.WebhookPaused"]}
        return str(self._made("/webhooks", new)["id"])

    def payment(self, caller: Caller, *, is_taken: bool) -> str:
        """For an order of the caller's; or held only."""
        new = {"provider_token": "tok_approved", "capture": is_taken}
        return str(self._made(f"/orders/{self.order(caller)}/payments", new)["id"])

    def ended_order(self, caller: Caller) -> str:
        """One that moves no more."""
        order = self.order(caller)
        self._made(f"/orders/{order}:cancel", {})
        return order

    def note(self, order: str, caller: Caller) -> str:
        """On the order, by the caller."""
        return str(self._made(f"/orders/{order}/notes", {"text": "Rings"}, caller.token)["id"])

    def address(self, user_id: str) -> str:
        """That the user has saved."""
        home = {"recipient": "Ann", "street": "1 High St", "city": "Leeds", "country_code": "GB"}
        return str(self._made(f"/users/{user_id}/addresses", {"address": home})["id"])

    def cart(self, caller: Caller, product: str) -> str:
        """The caller's own, with the product in it."""
        headers = {"authorization": f"Bearer {caller.token}"}
        old = self._made("/carts", {}, caller.token)["id"]  # with what others have put in
        self._http.delete(f"/carts/{old}", headers=headers)
        cart = str(self._made("/carts", {}, caller.token)["id"])
        path = f"/carts/{cart}/items/{product}"
        answer = self._http.patch(path, json={"quantity": 1}, headers=headers)
        assert answer.is_success, answer.text
        return cart

    def delivery(self, webhook: str) -> str:
        """A test, which leads nowhere."""
        return str(self._made(f"/webhooks/{webhook}:ping", {})["id"])

    def etag(self, path: str) -> str:
        """Of what stands at the path, which begins with `/api/v1`."""
        headers = {"authorization": f"Bearer {self._token}"}
        answer = self._http.get(path.removeprefix("/api/v1"), headers=headers)
        return answer.headers["etag"].strip('"')

    def api_key(self, caller: Caller) -> Any:
        new = {"name": "A program", "scopes": ["orders.read"]}
        return self._made("/auth/api-keys", new, caller.token)

    def login(self, caller: Caller) -> Any:
        return self._made("/auth/login", {"email": caller.email, "password": PASSWORD})

    def totp_code(self, caller: Caller) -> str:
        """Of an authenticator that has been begun."""
        begun = self._made("/auth/totp", {"current_password": PASSWORD}, caller.token)
        return pyotp.TOTP(begun["secret"]).now()

    def _order_for(self, operation: str) -> Callable[[Caller], str]:
        """Who watches one that has ended is answered to the end; what is sent was paid."""
        made = {"WatchOrder": self.ended_order, "CreateShipment": self.paid_order}
        made["CreateReturn"] = self.shipped_order
        return made.get(operation, self.order)

    def all_named(self, operation: str, fields: Iterable[str], caller: Caller) -> dict[str, str]:
        """The same of several fields, of which one may be a part of what another names."""
        if "cart_id" in (fields := [*fields]):
            product = self.product()
            known = {"cart_id": self.cart(caller, product), "product_id": product}
            known = {each: known[each] for each in known.keys() & {*fields}}
            others = [each for each in fields if each not in known]
            return known | {each: self.named(operation, each, caller) for each in others}
        parts = {"note_id", "address_id", "delivery_id"} & {*fields}
        made = {each: self.named(operation, each, caller) for each in fields if each not in parts}
        if "note_id" in parts:
            made["note_id"] = self.note(made["order_id"], caller)
        if "address_id" in parts:
            made["address_id"] = self.address(made["user_id"])
        if "delivery_id" in parts:
            made["delivery_id"] = self.delivery(made["webhook_id"])
        return made

    def named(self, operation: str, field: str, caller: Caller) -> str:
        """What a call of the operation can have in the field, made for this one call."""
        if field == "user_id" and operation in _ABOUT_ONESELF:
            return caller.id
        if field == "user_id":
            return self.erased_user() if operation in _ABOUT_THE_ERASED else self.user()
        made: dict[str, Callable[[], Any]] = {
            "access_token": lambda: caller.token,
            "api_key_id": lambda: self.api_key(caller)["id"],
            "category_id": self.category,
            "code": lambda: uuid.uuid4().hex,
            "promotion_id": self.promotion,
            "tax_rate_id": self.tax_rate,
            "current_password": lambda: PASSWORD,
            "email": lambda: caller.email if operation == "Login" else new_email(),
            "order_id": lambda: self._order_for(operation)(caller),
            "password": lambda: PASSWORD,
            "payment_id": lambda: self.payment(
                caller, is_taken=operation not in ("CapturePayment", "VoidPayment")
            ),
            "product_id": self.product,
            "shipment_id": lambda: self.shipment(caller),
            "return_id": lambda: self.returned(caller),
            "shipping_method_id": self.shipping_method,
            "webhook_id": self.webhook,
            "refresh_token": lambda: self.login(caller)["refresh_token"],
            "session_id": lambda: self.login(caller)["session_id"],
            "provider": lambda: "sandbox",
            "sku": lambda: uuid.uuid4().hex,
            "totp_code": lambda: self.totp_code(caller),
        }
        return str(made[field]())
