"""Webhooks, and what changes them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from server.kit import errors
from server.kit.errors import Violation

CLEARABLE = frozenset({"description"})
ALL = "*"
WEBHOOKS_MAX = 1_000
OVERLAP_SECONDS = 86_400
"""For how long the secret before a rotation is good, unless something else is asked for."""


class WebhookNotFound(errors.NotFound):
    """No such webhook."""

    reason = "WEBHOOK_NOT_FOUND"


class TooManyWebhooks(errors.Conflict):
    """There are as many as there may be."""

    reason = "TOO_MANY_WEBHOOKS"


class WebhookNotActive(errors.Conflict):
    """Nothing is posted to it."""

    reason = "WEBHOOK_NOT_ACTIVE"


class Status(StrEnum):
    """Whether a webhook is posted to."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    DISABLED = "DISABLED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook without its secrets."""

    id: str
    url: str
    description: str
    event_types: Sequence[str]  # sorted
    status: Status
    created_at: datetime
    updated_at: datetime
    version: int
    previous_until: datetime | None = None  # until when the secret before is good too
    failing_since: datetime | None = None
    paused_at: datetime | None = None
    pause_reason: str = ""
    events: int = 0  # counts those that it has made

    @property
    def etag(self) -> str:
        """Changes with every change, but not with what becomes of deliveries."""
        return str(self.version)

    @property
    def routes(self) -> Collection[str]:
        """The types of events that are kept for it."""
        return () if self.status is Status.DISABLED else self.event_types


@dataclass(frozen=True, slots=True)
class WebhookChange:
    """What a caller asks for: `active`, or fields by their names."""

    fields: Mapping[str, Any]
    etag: str


@dataclass(frozen=True, slots=True)
class WebhookPaused:
    """Told of a webhook that was paused."""

    id: str
    webhook: Webhook
    occurred_at: datetime


def check_types(event_types: Sequence[str], known: Collection[str]) -> None:
    """Raises `Invalid` naming each that is not `known`."""
    violations = [
        Violation(f"event_types[{n}]", "no such event; docs/events.md has them all")
        for n, each in enumerate(event_types)
        if each not in known and each != ALL
    ]
    if ALL in event_types and len(event_types) > 1:
        violations.append(Violation("event_types", f"{ALL} stands alone"))
    errors.Invalid.check(violations)


def check_room(count: int) -> None:
    """Raises `TooManyWebhooks` where there are so many."""
    if count >= WEBHOOKS_MAX:
        raise TooManyWebhooks(f"there may be {WEBHOOKS_MAX} webhooks; delete one first")


def check_active(webhook: Webhook) -> None:
    """Raises `WebhookNotActive`."""
    if webhook.status is not Status.ACTIVE:
        raise WebhookNotActive(
            f"the webhook is {webhook.status}; send `active` with true to take it up again"
        )


def change_webhook(before: Webhook, change: WebhookChange, now: datetime) -> Webhook:
    """`before` after `change`; the same where it changes nothing.

    Raises `NothingToUpdate` or `Outdated`.
    """
    if not change.fields:
        raise errors.NothingToUpdate("send at least one field to change")
    errors.Outdated.check(change.etag, before.etag, "webhook")
    fields = dict(change.fields)
    active = fields.pop("active", None)
    if fields.get("description", "") is None:
        fields["description"] = ""
    after = replace(before, **fields)
    if active is not None:
        status = Status.ACTIVE if active else Status.DISABLED
        if status is not before.status:
            after = replace(
                after, status=status, failing_since=None, paused_at=None, pause_reason=""
            )
    if after == before:
        return before
    return replace(after, updated_at=now, version=before.version + 1)


def rotated(before: Webhook, overlap_seconds: int | None, now: datetime) -> Webhook:
    """`before` with another secret, beside which the present one stays good for so long."""
    overlap = OVERLAP_SECONDS if overlap_seconds is None else overlap_seconds
    return replace(
        before,
        previous_until=now + timedelta(seconds=overlap) if overlap else None,
        updated_at=now,
        version=before.version + 1,
    )


def paused(
    before: Webhook, reason: str, event_id: str, now: datetime
) -> tuple[Webhook, WebhookPaused] | None:
    """`before` when its receiver is dead, and what is told of it; None: it is not posted to."""
    if before.status is not Status.ACTIVE:
        return None
    after = replace(
        before,
        status=Status.PAUSED,
        paused_at=now,
        pause_reason=reason,
        updated_at=now,
        version=before.version + 1,
        events=before.events + 1,
    )
    return after, WebhookPaused(event_id, after, now)


def check_deletion(webhook: Webhook, etag: str) -> None:
    """Raises `Outdated`."""
    errors.Outdated.check(etag, webhook.etag, "webhook")
