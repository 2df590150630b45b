"""Deletes what has had its time, each in one process at a time."""

from datetime import UTC, datetime, timedelta

from server.kit.background import Job, Lock
from server.kit.postgres import Pool
from server.user.audit.store import PostgresAuditStore
from server.user.email_links.store.links import PostgresLinkStore
from server.user.events.encoding import to_outbox
from server.user.revocations.store import PostgresFeedStore
from server.user.throttling.store import PostgresFailureStore

_TOKENS_SECONDS = 3_600.0
_FAILURES_SECONDS = 300.0
_FEED_SECONDS = 60.0
_AUDIT_SECONDS = 3_600.0


def token_expiry(pool: Pool, lock: Lock) -> Job:
    """Deletes one-time tokens that have expired, every hour, in one process."""
    links = PostgresLinkStore(pool, encode=to_outbox, wake=lambda: None)

    async def expire() -> None:
        await links.delete_expired(datetime.now(UTC))

    return Job("one_time_token_expiry", expire, _TOKENS_SECONDS, lock)


def failure_expiry(pool: Pool, lock: Lock) -> Job:
    """Deletes failed logins that count no more, every few minutes, in one process."""
    failures = PostgresFailureStore(pool)

    async def expire() -> None:
        await failures.delete_expired(datetime.now(UTC))

    return Job("login_failure_expiry", expire, _FAILURES_SECONDS, lock)


def revocation_expiry(pool: Pool, lock: Lock, keep_seconds: float) -> Job:
    """Deletes entries of the feed that are about no token any more, in one process."""
    feed = PostgresFeedStore(pool)

    async def expire() -> None:
        await feed.trim(timedelta(seconds=keep_seconds))

    return Job("revocation_expiry", expire, _FEED_SECONDS, lock)


def audit_expiry(pool: Pool, lock: Lock, days: int) -> Job:
    """Deletes audit records that are older than `days`, every hour, in one process."""
    store = PostgresAuditStore(pool)

    async def expire() -> None:
        await store.delete_before(datetime.now(UTC) - timedelta(days=days))

    return Job("audit_expiry", expire, _AUDIT_SECONDS, lock)
