"""The largest requests and answers that the contract allows, made as the services make them."""

from google.protobuf.message import Message

from emporium.analytics.v1 import domain_event_service_pb2 as domain_pb
from emporium.analytics.v1 import personal_data_service_pb2 as held_of_visitors
from emporium.order.v1 import personal_data_service_pb2 as held_of_buyers
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
from server.kit.audit.record import AuditRecord
from server.kit.auth import Signer, new_key
from server.kit.context import Role
from server.kit.exporting import RECORDS_MAX, Held, to_part
from server.kit.receipts import Receipt
from server.kit.wire import to_receipt
from server.order.neighbours import Buyer
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
from tests.server.largest_of_orders import of_catalog, of_orders, of_stock, order
from tests.server.longest import (
    CURRENCY,
    ID,
    INT32_MAX,
    LAST,
    MONEY,
    VERSION,
    WIDE,
    longest,
    page,
    query,
    rules_of,
)

BATCH_MAX = rules_of(user_pb.BatchGetUsersRequest, "user_ids").repeated.max_items
EVENTS_MAX = rules_of(domain_pb.RecordDomainEventsRequest, "events").repeated.max_items


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


async def answers() -> dict[str, Message]:
    """The largest answer of every rpc, by its name."""
    account = accounts_wire.to_user(user())
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
        **await of_orders(Buyer(ID, user().email, user().full_name)),
        **of_catalog(),
        **of_stock(),
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
    return OrderEvent(ID, ID, VERSION, State.CANCELLED, ID, LAST, MONEY, CURRENCY, INT32_MAX, LAST)
