"""Wires the user service together."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial

from emporium.user.v1 import (
    api_key_service_pb2,
    audit_service_pb2,
    auth_service_pb2,
    email_link_service_pb2,
    revocation_service_pb2,
    session_service_pb2,
    user_service_pb2,
)
from server.kit import background, lifecycle, mongo, outbox, postgres
from server.kit.audit.writer import AuditWriter, writing
from server.kit.auth import Signer, Verifier
from server.kit.background import Job, Lock
from server.kit.lifecycle import Registration
from server.kit.listing.tokens import PageTokens
from server.kit.mongo import Database
from server.kit.postgres import Pool
from server.kit.postgres.advisory_lock import AdvisoryLock
from server.kit.postgres.expiry import key_expiry
from server.kit.postgres.trail import CommittingSink
from server.kit.revocations import Revocations, UnrevokedTokens
from server.kit.standing import Standings
from server.kit.telemetry import telemetry
from server.settings import Mail, Settings, Tokens
from server.user.accounts.service import UserService
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.api_keys.service import ApiKeyService
from server.user.api_keys.store import PostgresApiKeyStore
from server.user.audit.service import AuditService
from server.user.audit.store import PostgresAuditStore, inserting
from server.user.devices.rules import DeviceTokens
from server.user.email_links.sending import MailDestination
from server.user.email_links.service import EmailLinkService
from server.user.email_links.store import PostgresLinkStore
from server.user.events.encoding import mail_from_outbox, to_outbox
from server.user.events.ending_sessions import EndingSessions
from server.user.logins.service import AuthService
from server.user.logins.store import PostgresCredentialStore
from server.user.mail.letters import Letters
from server.user.mail.rules import MailKind
from server.user.neighbours import Mailer
from server.user.neighbours.mailbox import MailboxMailer
from server.user.neighbours.smtp import SmtpMailer
from server.user.passwords.hashing import PasswordHasher, hashing
from server.user.revocations.feed import MARGIN_SECONDS, Feed, reading
from server.user.revocations.service import RevocationService
from server.user.revocations.store import PostgresFeedStore
from server.user.sessions.granting import Granting
from server.user.sessions.service import SessionService
from server.user.sessions.store import MongoSessionStore, PostgresSessionEnds
from server.user.throttling.rules import Limits
from server.user.throttling.store import PostgresFailureStore
from server.user.throttling.throttle import Throttle

_STANDINGS_MAX = 1_000  # in one statement
_EXPIRY_SECONDS = 3_600.0
_FAILURE_EXPIRY_SECONDS = 300.0
_TRIM_SECONDS = 60.0

_now = partial(datetime.now, UTC)


def main() -> int:
    """Runs the service until it is asked to stop; gives the process's exit code."""
    return lifecycle.run(_serve, "user")


async def _serve(settings: Settings) -> None:
    tokens = settings.tokens
    signer = Signer.for_people(tokens)
    verifier = Verifier.from_file(tokens.jwks_file)
    one_at_a_time = AdvisoryLock(settings.postgres.database_url)
    mailer = mailer_of(settings.mail)
    revocations = Revocations()
    with telemetry(settings.server, "user"):
        async with (
            postgres.connected(settings.postgres) as pool,
            # Only logins and sessions need it, and only while they do: they say when it is away.
            mongo.opened(settings.mongo) as database,
            background.running(
                key_expiry(pool, one_at_a_time),
                token_expiry(pool, one_at_a_time),
                failure_expiry(pool, one_at_a_time),
                revocation_expiry(pool, one_at_a_time, keep_seconds(tokens)),
                audit_expiry(pool, one_at_a_time, settings.audit.audit_retention_days),
            ),
            auditing(pool) as audit,
            nullcontext(feed_in(pool, revocations, keep_seconds(tokens))) as feed,
            outbox.relaying(
                pool,
                settings.postgres.database_url,
                [
                    EndingSessions(MongoSessionStore(database), session_ends(pool, feed.wake)),
                    mail_destination(pool, mailer, signer, settings.mail),
                ],
                also_wake=feed.wake,
            ) as wake,
            reading(feed),
            hashing(tokens.bcrypt_cost, tokens.bcrypt_threads) as hasher,
            standings(pool) as accounts,
            lifecycle.serving(
                settings.server,
                UnrevokedTokens(verifier, revocations),
                (
                    *registrations(pool, database, hasher, signer, wake, accounts, tokens),
                    feed_registration(feed),
                ),
                probes={"postgres": partial(postgres.ping, pool)},
                accounts=accounts,
                audit=audit,
                key_secret=signer.secret("idempotency"),
            ),
        ):
            await lifecycle.stopping()


@asynccontextmanager
async def standings(pool: Pool) -> AsyncIterator[Standings]:
    """What callers' own accounts let them do, read from `pool`."""
    accounts = PostgresUserStore(pool, encode=to_outbox, wake=lambda: None)
    read = Standings(accounts.standings, batch_max=_STANDINGS_MAX)
    try:
        yield read
    finally:
        await read.close()


def keep_seconds(tokens: Tokens) -> float:
    """How long entries of the feed matter."""
    return tokens.token_seconds + MARGIN_SECONDS


def feed_in(pool: Pool, revocations: Revocations, keep_seconds: float) -> Feed:
    """The feed in `pool`'s database, which is read into `revocations`."""
    return Feed(PostgresFeedStore(pool), revocations, keep_seconds)


def feed_registration(feed: Feed) -> Registration:
    """The service that other services follow the feed by."""
    service = revocation_service_pb2.DESCRIPTOR.services_by_name["RevocationService"]
    return Registration(service, RevocationService(feed), feed.close)


def session_ends(pool: Pool, wake: outbox.Wake) -> PostgresSessionEnds:
    """The ends of sessions in `pool`'s database."""
    return PostgresSessionEnds(pool, encode=to_outbox, wake=wake)


def revocation_expiry(pool: Pool, lock: Lock, keep_seconds: float) -> Job:
    """Deletes entries of the feed that are about no token any more, in one process."""
    feed = PostgresFeedStore(pool)

    async def expire() -> None:
        await feed.trim(timedelta(seconds=keep_seconds))

    return Job("revocation_expiry", expire, _TRIM_SECONDS, lock)


@asynccontextmanager
async def auditing(pool: Pool) -> AsyncIterator[CommittingSink]:
    """What keeps the records of this service's own calls."""
    async with writing(AuditWriter(PostgresAuditStore(pool).append)) as writer:
        yield audit_sink(writer)


def audit_sink(writer: AuditWriter) -> CommittingSink:
    """The record of a change is committed with it; its address and device are added afterwards."""
    return CommittingSink(writer, lambda record: inserting([record]), after=writer.put)


def mailer_of(settings: Mail) -> Mailer:
    """By SMTP where a server is named, else into a folder. Raises `SettingsError`."""
    if not settings.smtp_url:
        return MailboxMailer(settings.mailbox_folder)
    return SmtpMailer(
        settings.smtp_url,
        starttls=settings.smtp_starttls,
        timeout_seconds=settings.smtp_timeout_seconds,
    )


def mail_destination(pool: Pool, mailer: Mailer, signer: Signer, settings: Mail) -> MailDestination:
    """What sends the mails that wait in the outbox of `pool`."""
    return MailDestination(
        PostgresLinkStore(pool, encode=to_outbox, wake=lambda: None),
        mailer,
        Letters(settings.mail_from, settings.shop_url),
        decode=mail_from_outbox,
        secret=signer.secret("one-time tokens"),
        lifetimes={
            MailKind.RESET_PASSWORD: settings.password_reset_seconds,
            MailKind.VERIFY_EMAIL: settings.email_verification_seconds,
            MailKind.CHANGE_EMAIL: settings.email_verification_seconds,
        },
    )


def token_expiry(pool: Pool, lock: Lock) -> Job:
    """Deletes one-time tokens that have expired, every hour, in one process."""
    links = PostgresLinkStore(pool, encode=to_outbox, wake=lambda: None)

    async def expire() -> None:
        await links.delete_expired(_now())

    return Job("one_time_token_expiry", expire, _EXPIRY_SECONDS, lock)


def failure_expiry(pool: Pool, lock: Lock) -> Job:
    """Deletes failed logins that count no more, every few minutes, in one process."""
    failures = PostgresFailureStore(pool)

    async def expire() -> None:
        await failures.delete_expired(_now())

    return Job("login_failure_expiry", expire, _FAILURE_EXPIRY_SECONDS, lock)


def throttle(pool: Pool, signer: Signer, tokens: Tokens, now: Callable[[], datetime]) -> Throttle:
    """What counts failed logins, in `pool`."""
    limits = Limits(
        tokens.login_failures_max,
        tokens.address_failures_max,
        timedelta(seconds=tokens.login_failures_seconds),
    )
    return Throttle(PostgresFailureStore(pool), limits, signer.secret("login failures"), now)


def audit_expiry(pool: Pool, lock: Lock, days: int) -> Job:
    """Deletes audit records that are older than `days`, every hour, in one process."""
    store = PostgresAuditStore(pool)

    async def expire() -> None:
        await store.delete_before(datetime.now(UTC) - timedelta(days=days))

    return Job("audit_expiry", expire, _EXPIRY_SECONDS, lock)


def registrations(
    pool: Pool,
    database: Database,
    hasher: PasswordHasher,
    signer: Signer,
    wake: outbox.Wake,
    callers: Standings,
    tokens: Tokens,
    now: Callable[[], datetime] = _now,
) -> tuple[Registration, ...]:
    """The services of this process, over `pool` and, for sessions, `database`.

    `callers` is told which accounts have changed.
    """
    page_tokens = PageTokens(signer.secret("page tokens"))
    accounts = PostgresUserStore(pool, encode=to_outbox, wake=wake)
    sessions = MongoSessionStore(database)
    ends = session_ends(pool, wake)
    granting = Granting(sessions, ends, accounts, signer, tokens.session_seconds, now)
    logins = AuthService(
        PostgresCredentialStore(pool),
        accounts,
        hasher,
        granting,
        DeviceTokens(signer.secret("device tokens")),
        throttle(pool, signer, tokens, now),
        now,
    )
    users = user_service_pb2.DESCRIPTOR.services_by_name["UserService"]
    auth = auth_service_pb2.DESCRIPTOR.services_by_name["AuthService"]
    own = session_service_pb2.DESCRIPTOR.services_by_name["SessionService"]
    links = email_link_service_pb2.DESCRIPTOR.services_by_name["EmailLinkService"]
    audit = audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"]
    keys = api_key_service_pb2.DESCRIPTOR.services_by_name["ApiKeyService"]
    link_store = PostgresLinkStore(pool, encode=to_outbox, wake=wake)
    return (
        Registration(users, UserService(accounts, hasher, page_tokens, callers.forget)),
        Registration(auth, logins),
        Registration(own, SessionService(sessions, ends, granting)),
        Registration(links, EmailLinkService(link_store, hasher)),
        Registration(audit, AuditService(PostgresAuditStore(pool), page_tokens)),
        Registration(keys, ApiKeyService(PostgresApiKeyStore(pool), page_tokens)),
    )
