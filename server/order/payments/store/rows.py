"""Payments between dataclasses and PostgreSQL's rows."""

from collections.abc import Sequence
from dataclasses import fields

from server.kit.outbox import append
from server.kit.postgres import Record
from server.kit.postgres.writes import Table, Write
from server.order.payments.rules import Entry, Kind, Operation, Payment, Progress, Status, Step
from server.order.payments.store import Encode

_PAYMENT = tuple(field.name for field in fields(Payment))
_OPERATION = tuple(field.name for field in fields(Operation))

PAYMENTS = Table("payments", _PAYMENT)
OPERATIONS = Table("payment_operations", _OPERATION)
ENTRIES = Table(
    "ledger_entries",
    tuple(field.name for field in fields(Entry)),
    key=("operation_id", "account"),
)


def writes(steps: Sequence[Step], encode: Encode) -> list[Write]:
    """What `steps` have made of payments: each is of another payment."""
    made = [PAYMENTS.upsert([step.payment for step in steps])] if steps else []
    operations = [step.operation for step in steps]
    operations += [step.next for step in steps if step.next]
    if operations:
        made.append(OPERATIONS.upsert(operations))
    if entries := [entry for step in steps for entry in step.entries]:
        made.append(ENTRIES.insert(entries))
    if events := [encode(step.event) for step in steps if step.event]:
        made.append(append(events))
    return made


def to_payment(row: Record) -> Payment:
    """A payment from a row with all its columns."""
    return Payment(
        id=str(row["id"]),
        order_id=str(row["order_id"]),
        provider=row["provider"],
        status=Status(row["status"]),
        amount=row["amount"],
        captured=row["captured"],
        refunded=row["refunded"],
        currency=row["currency"],
        captures=row["captures"],
        decline_reason=row["decline_reason"],
        in_progress=row["in_progress"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        version=row["version"],
        refunded_externally=row["refunded_externally"],
    )


def to_operation(row: Record) -> Operation:
    """What a provider is asked for from a row with all its columns."""
    return Operation(
        id=str(row["id"]),
        payment_id=str(row["payment_id"]),
        order_id=str(row["order_id"]),
        provider=row["provider"],
        kind=Kind(row["kind"]),
        amount=row["amount"],
        status=Progress(row["status"]),
        reason=row["reason"],
        restock=row["restock"],
        actor_kind=row["actor_kind"],
        actor=row["actor"],
        created_at=row["created_at"],
        due_at=row["due_at"],
        settled_at=row["settled_at"],
        return_id=str(row["return_id"]) if row["return_id"] else None,
    )
