"""The largest requests and answers that the contract allows, made as the services make them."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from google.protobuf.message import Message

from emporium.analytics.v1 import domain_event_service_pb2 as domain_pb
from emporium.analytics.v1 import personal_data_service_pb2 as held_of_visitors
from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.order.v1 import personal_data_service_pb2 as held_of_buyers
from emporium.order.v1 import pricing_service_pb2 as prices_pb
from emporium.type.v1.address_pb2 import Address as AddressMessage
from emporium.user.v1 import api_key_service_pb2 as api_keys_pb
from emporium.user.v1 import audit_service_pb2 as audit_pb
from emporium.user.v1 import email_link_service_pb2 as links_pb
from emporium.user.v1 import totp_service_pb2 as totp_pb
from emporium.user.v1 import user_service_pb2 as user_pb
from server.analytics.behaviour import rules as behaviour
from server.analytics.behaviour import wire as behaviour_wire
from server.analytics.reports import rules as reports
from server.analytics.reports import wire as reports_wire
from server.analytics.sales.rules import Figures, OrderEvent, SalesDay, State
from server.kit import descriptors
from server.kit.audit.record import AuditRecord
from server.kit.auth import Signer, new_key
from server.kit.context import Role
from server.kit.exporting import RECORDS_MAX, Held, to_part
from server.kit.listing.paging import After, Page, PageQuery, Sort, Total
from server.kit.receipts import Receipt
from server.kit.wire import to_receipt
from server.order.catalog import rules as catalog
from server.order.neighbours import Buyer
from server.order.orders import rules as orders
from server.order.orders import wire as orders_wire
from server.order.pricing import rules as pricing
from server.order.pricing import wire as pricing_wire
from server.user.accounts import rules as accounts
from server.user.accounts import wire as accounts_wire
from server.user.api_keys import rules as api_keys
from server.user.api_keys import wire as api_keys_wire
from server.user.audit import wire as audit_wire
from server.user.key_set import wire as key_set_wire
from server.user.personal_data import wire as held_wire
from server.user.personal_data.collecting import Export
from server.user.personal_data.rules import STORES, Erasure
from server.user.revocations import wire as feed_wire
from server.user.revocations.feed import PART_MAX
from server.user.revocations.rules import sessions_ended
from server.user.sessions import rules as sessions
from server.user.sessions import wire as sessions_wire
from server.user.totp.codes import otpauth_uri
from server.user.totp.rules import recovery_codes
from tests.server.tokens import TOKENS

WIDE = "🎁"  # four bytes in UTF-8, as many as a character can have
ID = "f" * 8 + "-ffff-7fff-bfff-" + "f" * 12
LAST = datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC)
MONEY = Decimal("99999999999999.9999")  # what the databases' columns hold
PRICE = Decimal("999999999.9999")
CURRENCY = "CLF"  # of those with the most decimals
VERSION = 2**63 - 1
INT32_MAX = 2**31 - 1
PER_PAGE_MAX = 100
LONGEST_VALUE = WIDE * 200


def rules_of(message: type[Message], field: str) -> Any:
    """The contract's rules of a field."""
    return descriptors.rules_of(message.DESCRIPTOR.fields_by_name[field])


def longest(message: type[Message], field: str) -> str:
    """The longest text that the contract lets a field hold."""
    count: int = rules_of(message, field).string.max_len
    return WIDE * count


LINES_MAX = rules_of(order_pb.CreateOrderRequest, "items").repeated.max_items
BATCH_MAX = rules_of(user_pb.BatchGetUsersRequest, "user_ids").repeated.max_items
EVENTS_MAX = rules_of(domain_pb.RecordDomainEventsRequest, "events").repeated.max_items


def order(lines: int = LINES_MAX) -> orders.Order:
    """An order of so many lines, each as long as it can be."""
    parts = [longest(AddressMessage, name) for name in ("recipient", "street", "city")]
    recipient, street, city = parts
    postal_code = longest(AddressMessage, "postal_code")
    address = orders.Address(recipient, street, city, postal_code, "GB")
    name = longest(order_pb.NewOrderItem, "product_name")
    item = orders.Item(ID, name, PRICE, 100_000, MONEY, MONEY, MONEY, 100_000)
    return orders.Order(
        ID, ID, orders.Status.CANCELLED, (item,) * lines, CURRENCY, MONEY, MONEY, MONEY, MONEY,
        MONEY, address, LAST, LAST, LAST, VERSION, orders.NUMBERS - 1,
        fulfilment_status=orders.Fulfilment.PARTIALLY_SHIPPED, shipping_method_id=ID,
        promotion_codes=("C" * 64,) * 10, included_tax=MONEY,
    )  # fmt: skip


def price_breaks() -> pricing.PriceBreaks:
    """As many as a product may have."""
    count = rules_of(prices_pb.SetPriceBreaksRequest, "breaks").repeated.max_items
    return pricing.PriceBreaks(ID, PRICE, CURRENCY, [catalog.Break(INT32_MAX, PRICE)] * count)


def quote() -> orders.Quote:
    """A quote of the largest order."""
    whole = order()
    name = longest(prices_pb.CreateTaxRateRequest, "name")
    kinds = [*pricing.StepKind] + [pricing.StepKind.PROMOTION] * 10
    kinds += [pricing.StepKind.TAX] * LINES_MAX  # each line may have a rate of its own
    steps = [pricing.Step(each, f"{name} 99.9999%", -MONEY, MONEY) for each in kinds]
    cost = pricing.Price(MONEY, MONEY, MONEY, MONEY, steps, MONEY)
    return orders.Quote(whole.items, CURRENCY, cost)


def user() -> accounts.User:
    """An account with the longest of everything."""
    email = "a" * rules_of(user_pb.CreateUserRequest, "email").string.max_len
    return accounts.User(
        id=ID,
        email=email,
        email_verified=True,
        owner_proven=True,
        password_proven=True,
        full_name=longest(user_pb.CreateUserRequest, "full_name"),
        age=149,
        role=Role.CUSTOMER,
        status=accounts.Status.DISABLED,
        created_at=LAST,
        updated_at=LAST,
        version=VERSION,
        totp_enabled=True,
    )


def audit_record() -> AuditRecord:
    """A record of the audit log with the longest of everything."""
    action, resource = "a" * 99 + "/" + "a" * 100, "/" * 300
    return AuditRecord(
        ID, "a" * 63, action, ID, Role.ADMIN, ID, resource, "~" * 128, "A" * 63, LAST, LAST,
        "f" * 45, "~" * 120, INT32_MAX,
    )  # fmt: skip


def figures() -> Figures:
    """A day's figures, so large that those of all days can just be added up."""
    orders_max, units_max = INT32_MAX // reports.DAYS_MAX, VERSION // reports.DAYS_MAX
    amount = MONEY * orders_max
    return Figures(orders_max, units_max, amount, orders_max, amount, orders_max, amount)


def query() -> PageQuery:
    """A page far into a list."""
    sort = Sort("order_date", descending=True)
    return PageQuery(sort, PER_PAGE_MAX, 10**6, None, None, "f" * 16, TOKENS)


def page(row: Any) -> Page[Any]:
    """A full page of equal rows."""
    total = Total(INT32_MAX, is_estimate=True)
    return Page([row] * PER_PAGE_MAX, total, After(LONGEST_VALUE, ID))


async def answers() -> dict[str, Message]:
    """The largest answer of every rpc, by its name."""
    listed = orders.ListedOrder(order(orders.listed_items(PER_PAGE_MAX)), LINES_MAX)
    whole, account = orders_wire.to_order(order()), accounts_wire.to_user(user())
    day = SalesDay(LAST.date(), figures())
    report = reports.SalesReport(CURRENCY, [day] * reports.DAYS_MAX)
    properties = {f"{n:064}": WIDE * 512 for n in range(20)}
    event = behaviour.Event(ID, ID, "a." * 32, LAST, properties, b"")
    token = Signer(new_key("user-" + "f" * 32), 600).sign(ID, Role.CUSTOMER)
    login = sessions_wire.to_login(
        sessions.Grant(token, INT32_MAX, "f" * 107, ID, user()), "f" * 75
    )
    session = sessions.Session(ID, ID, "~" * 120, "f" * 45, LAST, LAST, LAST)
    scopes = rules_of(api_keys_pb.CreateApiKeyRequest, "scopes").repeated.items.string
    name = longest(api_keys_pb.CreateApiKeyRequest, "name")
    key = api_keys.ApiKey(ID, ID, name, tuple(getattr(scopes, "in")), LAST, LAST, LAST)
    made = api_keys_wire.to_key(key)
    made.secret = api_keys.secret_of(ID, b"\xff" * api_keys.SECRET_BYTES)
    exchanged = api_keys_wire.to_token(token + "f" * 1_000, INT32_MAX, key.scopes)
    counts = domain_pb.RecordDomainEventsResponse(recorded=500, repeated=500, ignored=500)
    changed = sessions_ended(ID, VERSION, Role.CUSTOMER, ID)
    return {
        "Login": login,
        "Refresh": login,
        "BeginTotp": totp_pb.BeginTotpResponse(
            secret="F" * 32, otpauth_uri=otpauth_uri("F" * 32, user().email, "f" * 64)
        ),
        "ConfirmTotp": totp_pb.ConfirmTotpResponse(recovery_codes=recovery_codes(bytes(150))),
        "ForgotPassword": links_pb.ForgotPasswordResponse(),
        "ResetPassword": links_pb.ResetPasswordResponse(device_token="f" * 75),
        "VerifyEmail": links_pb.VerifyEmailResponse(),
        "ListAuditEvents": audit_wire.to_list(query(), page(audit_record())),
        "RecordAuditEvents": audit_pb.RecordAuditEventsResponse(),
        "ListSessions": sessions_wire.to_list([session] * sessions.SESSIONS_MAX, ID),
        "CreateApiKey": made,
        "ListApiKeys": api_keys_wire.to_list(query(), page(key)),
        "ExchangeApiKey": exchanged,
        "GetKeySet": key_set_wire.to_key_set([new_key("user-" + "f" * 32)] * 100),
        "CreateUser": account,
        "GetUser": account,
        "UpdateUser": account,
        "SuspendUser": account,
        "ReinstateUser": account,
        "SetUserRole": account,
        "ListUsers": accounts_wire.to_list(query(), page(user())),
        "BatchGetUsers": await accounts_wire.to_batch([user()] * BATCH_MAX),
        "CreateOrder": whole,
        "GetOrder": whole,
        "GetPriceBreaks": pricing_wire.to_breaks(price_breaks()),
        "SetPriceBreaks": pricing_wire.to_breaks(price_breaks()),
        "QuoteOrder": orders_wire.to_quote(quote()),
        "UpdateOrder": whole,
        "ListOrders": await orders_wire.to_list(query(), page(listed)),
        "ListUserOrders": await orders_wire.to_user_list(query(), page(listed)),
        "GetOrderUser": orders_wire.to_order_user(Buyer(ID, user().email, user().full_name)),
        "RecordEvent": behaviour_wire.to_event(event),
        "GetSalesReport": await reports_wire.to_report(report),
        "RecordDomainEvents": counts,
        "WatchRevocations": feed_wire.to_part(
            [feed_wire.to_message(changed)] * PART_MAX, VERSION, 1e6 / 7, 1e6 / 7, complete=True
        ),
        **await of_personal_data(event, session),
    }


async def of_personal_data(event: behaviour.Event, session: sessions.Session) -> dict[str, Message]:
    """The largest answers about all that is held of a person."""
    bought = await to_part("orders", Held([(ID, order())] * RECORDS_MAX, INT32_MAX))
    done = await to_part("activity", Held([(ID, event)] * RECORDS_MAX, INT32_MAX))
    sold = await to_part("sales", Held([(ID, sale())] * RECORDS_MAX, INT32_MAX))
    devices = await to_part("sessions", Held([("", session)] * sessions.SESSIONS_MAX, 100))
    audited = await to_part("audit_events", Held([(ID, audit_record())] * RECORDS_MAX, INT32_MAX))
    own = [await to_part("account", Held([("", user())], 1)), devices, audited]
    erased = dict.fromkeys(("accounts", "api_keys", "first_answers", "mailed_links"), INT32_MAX)
    receipts = [Receipt(store, erased, LAST) for store in STORES]
    return {
        "EraseBuyer": to_receipt(receipts[0]),
        "EraseActivity": to_receipt(receipts[0]),
        "ExportBuyer": held_of_buyers.ExportBuyerResponse(parts=[bought]),
        "ExportActivity": held_of_visitors.ExportActivityResponse(parts=[done, sold]),
        "ExportUser": held_wire.to_export(ID, LAST, Export([*own, bought, done, sold], {})),
        "GetErasure": held_wire.to_erasure(Erasure(ID, LAST, receipts)),
    }


def sale() -> OrderEvent:
    """An order as analytics keeps it, with the longest of everything."""
    sold = (ID, LAST, MONEY, CURRENCY, INT32_MAX, LAST, MONEY, MONEY)
    return OrderEvent(ID, ID, VERSION, State.CANCELLED, *sold)


def create_order() -> order_pb.CreateOrderRequest:
    """The largest order that anybody may place."""
    line = order_pb.NewOrderItem(
        product_id=ID,
        product_name=longest(order_pb.NewOrderItem, "product_name"),
        unit_price=f"{PRICE}",
        quantity=100_000,
    )
    return order_pb.CreateOrderRequest(
        items=[line] * LINES_MAX,
        shipping_address=orders_wire.to_order(order(1)).shipping_address,
        user_id=ID,
        currency=CURRENCY,
        request_id="~" * 128,
    )
