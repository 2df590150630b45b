"""What may be paid, and what a provider's answer means. Pure: time and ids are arguments."""

from server.order.payments.rules.beginning import Ask, NewPayment, Step, asked, begun
from server.order.payments.rules.cards import CardNumberRefused, refuse_card_numbers
from server.order.payments.rules.external import followed, recorded
from server.order.payments.rules.notices import (
    BYTES_MAX,
    HEADER,
    Notice,
    NoticeNotSigned,
    ProviderNotFound,
    check_signature,
    read_notice,
    signature,
)
from server.order.payments.rules.payment import (
    EXTERNAL,
    Entry,
    EventType,
    Kind,
    Operation,
    OrderNotPayable,
    Payment,
    PaymentEvent,
    PaymentInProgress,
    PaymentNotFound,
    PaymentRefused,
    Progress,
    Status,
)
from server.order.payments.rules.settling import Outcome, settled

__all__ = [
    "BYTES_MAX",
    "EXTERNAL",
    "HEADER",
    "Ask",
    "CardNumberRefused",
    "Entry",
    "EventType",
    "Kind",
    "NewPayment",
    "Notice",
    "NoticeNotSigned",
    "Operation",
    "OrderNotPayable",
    "Outcome",
    "Payment",
    "PaymentEvent",
    "PaymentInProgress",
    "PaymentNotFound",
    "PaymentRefused",
    "Progress",
    "ProviderNotFound",
    "Status",
    "Step",
    "asked",
    "begun",
    "check_signature",
    "followed",
    "read_notice",
    "recorded",
    "refuse_card_numbers",
    "settled",
    "signature",
]
