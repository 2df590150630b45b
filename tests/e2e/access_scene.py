"""Callers of every kind on a real cluster, what is theirs and what is another's."""

import re
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import grpc.aio
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor

from emporium.order.v1 import catalog_service_pb2 as catalog_pb
from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.order.v1 import payment_service_pb2 as payment_pb
from emporium.order.v1 import pricing_service_pb2 as pricing_pb
from emporium.order.v1 import return_service_pb2 as return_pb
from emporium.order.v1 import shipping_service_pb2 as shipping_pb
from emporium.order.v1 import webhook_service_pb2 as webhook_pb
from emporium.type.v1 import role_pb2
from emporium.user.v1 import auth_service_pb2 as auth_pb
from emporium.user.v1 import user_service_pb2 as user_pb
from server.local.home import keys
from tests import asking
from tests.access_oracle import THE_SERVICE, Caller, Whose
from tests.campaign.http2 import Connection, Request
from tests.e2e.access_told import Told
from tests.e2e.conftest import new_email, prove
from tests.e2e.extreme_around import HOME, MISSING, PAUSED
from tests.e2e.extreme_scene import Scene
from tests.server.refusals import Refused
from tests.waiting import until

_HTTP: Any = annotations_pb2.http  # its stub takes it for a plain descriptor
_PASSWORD = "correct horse battery"
_REQUEST_ID = str(uuid.uuid4())  # the same for all, so that answers can be compared
# What differs between two answers that say the same.
_VOLATILE = re.compile("date|x-envoy-upstream-service-time|.*rate-?limit.*")


@dataclass(frozen=True)
class Person:
    """Somebody with an account; `email` and a password where there has to be a login."""

    id: str
    email: str


async def made(scene: Scene, role: str, *, signs_in: bool) -> Person:
    new = user_pb.CreateUserRequest(email=new_email(), full_name="Ann Access")
    given = role_pb2.Role.Value(role)
    if signs_in:
        new.password = _PASSWORD
    else:
        new.role = given
    user = await scene.call("CreateUser", new)
    assert isinstance(user, user_pb.User), vars(user)
    await prove(scene.cluster.home, user.id)
    if user.role != given:
        change = user_pb.SetUserRoleRequest(user_id=user.id, role=given)
        user = await scene.call("SetUserRole", change)
        assert isinstance(user, user_pb.User), vars(user)
    return Person(user.id, user.email)


async def become(scene: Scene, person: Person, caller: Caller) -> str:
    """Does to the account what the caller is; gives the token from before."""
    token = keys.token(scene.cluster.home, person.id, caller.role, 600)
    if caller.account == caller.role:
        return token
    change: Any
    if caller.account:
        change = user_pb.SetUserRoleRequest(user_id=person.id)
        change.role = role_pb2.Role.Value(caller.account)
        done = await scene.call("SetUserRole", change)
    elif caller.role == "ADMIN":
        done = await scene.call("DeleteUser", user_pb.DeleteUserRequest(user_id=person.id))
    else:
        done = await scene.call("SuspendUser", user_pb.SuspendUserRequest(user_id=person.id))
    assert not isinstance(done, Refused), vars(done)
    return token


# Of each service that follows the feed, an rpc that customers may not call.
_FOR_STAFF = {
    "order": "/emporium.order.v1.CatalogService/CreateProduct",
    "analytics": "/emporium.analytics.v1.ReportService/GetSalesReport",
}


async def heard(scene: Scene, rpc: MethodDescriptor, caller: Caller, token: str) -> None:
    """Returns when the service of `rpc` knows what has become of the caller's account."""
    service = rpc.full_name.split(".")[1]
    if service not in _FOR_STAFF or caller.account in (caller.role, "ADMIN"):
        return
    ask: Any = scene.channels[service].unary_unary(_FOR_STAFF[service])
    due = "PERMISSION_DENIED" if caller.account else "ACCOUNT_INACTIVE"

    async def is_told() -> bool:
        try:
            await ask(b"", metadata=[("authorization", f"Bearer {token}")])
        except grpc.aio.AioRpcError as error:
            return Refused(error).reason == due
        return False

    await until(is_told)


async def _account(scene: Scene, owner: Person) -> str:
    return owner.id


async def _order(scene: Scene, owner: Person) -> str:
    line = order_pb.NewOrderItem(product_name="Lantern", unit_price="1.25", quantity=1)
    new = order_pb.CreateOrderRequest(items=[line], user_id=owner.id)
    return str((await scene.call("CreateOrder", new)).id)


async def _payment(scene: Scene, owner: Person) -> str:
    new = payment_pb.CreatePaymentRequest(
        order_id=await _order(scene, owner), provider_token="tok_approved"
    )
    return str((await scene.call("CreatePayment", new)).id)


async def _session(scene: Scene, owner: Person) -> str:
    login = auth_pb.LoginRequest(email=owner.email, password=_PASSWORD)
    return str((await scene.call("Login", login)).session_id)


async def _product(scene: Scene, owner: Person) -> str:
    # Its code has the form of an id, so that it is compared as one where doors are.
    new = catalog_pb.CreateProductRequest(sku=str(uuid.uuid4()), name="Lamp", unit_price="1.25")
    return str((await scene.call("CreateProduct", new)).id)


async def _category(scene: Scene, owner: Person) -> str:
    new = catalog_pb.CreateCategoryRequest(name="Lamps")
    return str((await scene.call("CreateCategory", new)).id)


async def _shipping_method(scene: Scene, owner: Person) -> str:
    zone = shipping_pb.ShippingZone(country_codes=["*"])
    zone.bands.add(price="1.25")
    new = shipping_pb.CreateShippingMethodRequest(name="By road", zones=[zone])
    return str((await scene.call("CreateShippingMethod", new)).id)


async def _shipment(scene: Scene, owner: Person) -> str:
    order_id = await _order(scene, owner)
    paid = order_pb.UpdateOrderRequest(order_id=order_id, status=order_pb.Order.PAID)
    await scene.call("UpdateOrder", paid)
    new = shipping_pb.CreateShipmentRequest(order_id=order_id)
    return str((await scene.call("CreateShipment", new)).id)


async def _return(scene: Scene, owner: Person) -> str:
    order_id = await _order(scene, owner)
    for status in (order_pb.Order.PAID, order_pb.Order.SHIPPED):
        moved = order_pb.UpdateOrderRequest(order_id=order_id, status=status)
        await scene.call("UpdateOrder", moved)
    new = return_pb.CreateReturnRequest(order_id=order_id, reason=return_pb.Return.UNWANTED)
    return str((await scene.call("CreateReturn", new)).id)


async def _promotion(scene: Scene, owner: Person) -> str:
    # Its code has the form of an id, as a product's has.
    new = pricing_pb.CreatePromotionRequest(code=str(uuid.uuid4()), name="Lamps", percentage="10")
    return str((await scene.call("CreatePromotion", new)).id)


async def _tax_rate(scene: Scene, owner: Person) -> str:
    category = await _category(scene, owner)  # of which there is no other
    new = pricing_pb.CreateTaxRateRequest(
        country_code="ZM", category_id=category, name="Lamps", rate="10"
    )
    return str((await scene.call("CreateTaxRate", new)).id)


def _bearer(scene: Scene, person: Person, role: str) -> dict[str, str]:
    return {"authorization": f"Bearer {keys.token(scene.cluster.home, person.id, role, 600)}"}


async def _cart(scene: Scene, owner: Person) -> str:
    as_owner = _bearer(scene, owner, "CUSTOMER")
    made = await scene.rest.data("POST", "/carts", {}, headers=as_owner)
    line = f"/carts/{made['id']}/items/{await _product(scene, owner)}"
    await scene.rest.data("PATCH", line, {"quantity": 1}, headers=as_owner)
    return str(made["id"])


async def _webhook(scene: Scene, owner: Person) -> str:
    new = webhook_pb.CreateWebhookRequest(url="https://partner.invalid", event_types=[PAUSED])
    return str((await scene.call("CreateWebhook", new)).id)


async def _api_key(scene: Scene, owner: Person) -> str:
    token = keys.token(scene.cluster.home, owner.id, "CUSTOMER", 600)
    new = {"name": "A program", "scopes": ["orders.read"]}
    as_owner = {"authorization": f"Bearer {token}"}
    made = await scene.rest.data("POST", "/auth/api-keys", new, headers=as_owner)
    return str(made["id"])


# How to make what a path names, by the field that names it.
OBJECTS: dict[str, Callable[[Scene, Person], Awaitable[str]]] = {
    "user_id": _account,
    "order_id": _order,
    "api_key_id": _api_key,
    "session_id": _session,
    "product_id": _product,
    "category_id": _category,
    "payment_id": _payment,
    "shipping_method_id": _shipping_method,
    "shipment_id": _shipment,
    "return_id": _return,
    "promotion_id": _promotion,
    "tax_rate_id": _tax_rate,
    "cart_id": _cart,
    "webhook_id": _webhook,
}


async def _note(scene: Scene, order_id: str, author: Person, role: str) -> str:
    as_author = _bearer(scene, author, role)
    path = f"/orders/{order_id}/notes"
    return str((await scene.rest.data("POST", path, {"text": "Rings"}, headers=as_author))["id"])


async def _address(scene: Scene, user_id: str, author: Person, role: str) -> str:
    as_author = _bearer(scene, author, role)
    path = f"/users/{user_id}/addresses"
    made = await scene.rest.data("POST", path, {"address": HOME}, headers=as_author)
    return str(made["id"])


async def _delivery(scene: Scene, webhook_id: str, author: Person, role: str) -> str:
    ping = webhook_pb.PingWebhookRequest(webhook_id=webhook_id)
    return str((await scene.call("PingWebhook", ping)).id)


# What stands within that, which the caller has made in a role.
PARTS: dict[str, Callable[[Scene, str, Person, str], Awaitable[str]]] = {
    "note_id": _note,
    "address_id": _address,
    "delivery_id": _delivery,
}


def object_field(rpc: MethodDescriptor) -> str:
    """The field that says what the call is about; empty where it is about nothing in particular."""
    rule = rpc.GetOptions().Extensions[_HTTP]
    verb = rule.WhichOneof("pattern")
    found = re.search(r"{(\w+)", getattr(rule, verb)) if verb else None
    return found[1] if found and found[1] in OBJECTS else ""


async def request(
    scene: Scene, rpc: MethodDescriptor, caller: Caller, whose: Whose, by_rest: bool
) -> Request:
    """The call, about something of its own that was made for it."""
    field = object_field(rpc)
    signs_in = field == "session_id"
    message = asking.good(rpc)
    me = None
    if caller.role and not caller.is_service:
        me = await made(scene, caller.role, signs_in=signs_in and whose is Whose.OWN)
    if field:
        owner = me if whose is Whose.OWN else None
        if whose is Whose.FOREIGN:
            owner = await made(scene, "CUSTOMER", signs_in=signs_in)
        about = await OBJECTS[field](scene, owner) if owner else MISSING
        setattr(message, field, about)
        if owner and rpc.server_streaming:  # what has ended is watched to the end
            await scene.call("CancelOrder", order_pb.CancelOrderRequest(order_id=about))
        may_reach = me and owner and (owner is me or caller.role != "CUSTOMER")
        for part in PARTS.keys() & rpc.input_type.fields_by_name.keys():
            made_part = PARTS[part](scene, about, me, caller.role) if me and may_reach else None
            setattr(message, part, await made_part if made_part else MISSING)
    token = scene.tokens[THE_SERVICE] if caller.is_service else ""
    if me:
        token = await become(scene, me, caller)
        await heard(scene, rpc, caller, token)
    call = next(asking.by_rest(rpc, message)) if by_rest else asking.by_grpc(rpc, message)
    call = asking.with_header(call, "x-request-id", _REQUEST_ID)
    return asking.with_header(call, "authorization", f"Bearer {token}" if token else None)


async def told(connection: Connection, request: Request) -> Told:
    """The answer."""
    answer = await connection.call(request)
    headers = {name: text for name, text in answer.headers.items() if not _VOLATILE.match(name)}
    return Told(answer.outcome, asking.reason(answer), (headers, bytes(answer.body)))
