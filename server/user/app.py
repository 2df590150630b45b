"""Wires the user service together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial

from emporium.user.v1 import (
    api_key_service_pb2,
    auth_service_pb2,
    email_link_service_pb2,
    session_service_pb2,
    user_service_pb2,
)
from server.kit import background, lifecycle, mongo, outbox, postgres
from server.kit.auth import Signer, Verifier
from server.kit.background import Job, Lock
from server.kit.lifecycle import Registration
from server.kit.listing.tokens import PageTokens
from server.kit.mongo import Database
from server.kit.postgres import Pool
from server.kit.postgres.advisory_lock import AdvisoryLock
from server.kit.postgres.expiry import key_expiry
from server.kit.standing import Standings
from server.kit.telemetry import telemetry
from server.settings import Mail, Settings, Tokens
from server.user.accounts.service import UserService
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.api_keys.service import ApiKeyService
from server.user.api_keys.store import PostgresApiKeyStore
from server.user.email_links.sending import MailDestination
from server.user.email_links.service import EmailLinkService
from server.user.email_links.store import PostgresLinkStore
from server.user.events.encoding import mail_from_outbox, to_outbox
from server.user.events.ending_api_keys import EndingApiKeys
from server.user.events.ending_sessions import EndingSessions
from server.user.logins.service import AuthService
from server.user.logins.store import PostgresCredentialStore
from server.user.mail.letters import Letters
from server.user.mail.rules import MailKind
from server.user.neighbours import Mailer
from server.user.neighbours.mailbox import MailboxMailer
from server.user.neighbours.smtp import SmtpMailer
from server.user.passwords.hashing import PasswordHasher, hashing
from server.user.sessions.granting import Granting
from server.user.sessions.service import SessionService
from server.user.sessions.store import MongoSessionStore

_STANDINGS_MAX = 1_000  # in one statement
_EXPIRY_SECONDS = 3_600.0


def main() -> int:
    """Runs the service until it is asked to stop; gives the process's exit code."""
    return lifecycle.run(_serve, "user")


async def _serve(settings: Settings) -> None:
    tokens = settings.tokens
    signer = Signer.from_file(tokens.signing_key_file, tokens.token_seconds)
    verifier = Verifier.from_file(tokens.jwks_file)
    one_at_a_time = AdvisoryLock(settings.postgres.database_url)
    mailer = mailer_of(settings.mail)
    with telemetry(settings.server, "user"):
        async with (
            postgres.connected(settings.postgres) as pool,
            # Only logins and sessions need it, and only while they do: they say when it is away.
            mongo.opened(settings.mongo) as database,
            background.running(key_expiry(pool, one_at_a_time), token_expiry(pool, one_at_a_time)),
            outbox.relaying(
                pool,
                settings.postgres.database_url,
                [
                    EndingSessions(MongoSessionStore(database)),
                    EndingApiKeys(PostgresApiKeyStore(pool)),
                    mail_destination(pool, mailer, signer, settings.mail),
                ],
            ) as wake,
            hashing(tokens.bcrypt_cost, tokens.bcrypt_threads) as hasher,
            standings(pool) as accounts,
            lifecycle.serving(
                settings.server,
                verifier,
                registrations(pool, database, hasher, signer, wake, accounts, tokens),
                probes={"postgres": partial(postgres.ping, pool)},
                accounts=accounts,
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
        await links.delete_expired(datetime.now(UTC))

    return Job("one_time_token_expiry", expire, _EXPIRY_SECONDS, lock)


def registrations(
    pool: Pool,
    database: Database,
    hasher: PasswordHasher,
    signer: Signer,
    wake: outbox.Wake,
    callers: Standings,
    tokens: Tokens,
) -> tuple[Registration, ...]:
    """The services of this process, over `pool` and, for sessions, `database`.

    `callers` is told which accounts have changed.
    """
    page_tokens = PageTokens(signer.secret("page tokens"))
    accounts = PostgresUserStore(pool, encode=to_outbox, wake=wake)
    sessions = MongoSessionStore(database)
    granting = Granting(sessions, accounts, signer, tokens.session_seconds)
    users = user_service_pb2.DESCRIPTOR.services_by_name["UserService"]
    auth = auth_service_pb2.DESCRIPTOR.services_by_name["AuthService"]
    own = session_service_pb2.DESCRIPTOR.services_by_name["SessionService"]
    links = email_link_service_pb2.DESCRIPTOR.services_by_name["EmailLinkService"]
    keys = api_key_service_pb2.DESCRIPTOR.services_by_name["ApiKeyService"]
    link_store = PostgresLinkStore(pool, encode=to_outbox, wake=wake)
    return (
        Registration(users, UserService(accounts, hasher, page_tokens, callers.forget)),
        Registration(auth, AuthService(PostgresCredentialStore(pool), accounts, hasher, granting)),
        Registration(own, SessionService(sessions, granting)),
        Registration(links, EmailLinkService(link_store, hasher)),
        Registration(keys, ApiKeyService(PostgresApiKeyStore(pool), accounts, signer, page_tokens)),
    )
