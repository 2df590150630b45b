"""Wires the user service together."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import partial

from emporium import Emporium, Targets
from emporium.user.v1 import (
    api_key_service_pb2,
    audit_service_pb2,
    auth_service_pb2,
    email_link_service_pb2,
    key_set_service_pb2,
    personal_data_service_pb2,
    session_service_pb2,
    totp_service_pb2,
    user_service_pb2,
)
from server.kit import background, lifecycle, mongo, outbox, postgres
from server.kit.audit.trail import CommittingSink
from server.kit.audit.writer import AuditWriter, writing
from server.kit.auth import ServiceToken, Signer, Verifier
from server.kit.auth.sealing import Sealing
from server.kit.call.idempotency import answering_repeats
from server.kit.context import Role
from server.kit.lifecycle import Registration
from server.kit.listing.tokens import PageTokens
from server.kit.mail import mailer_of
from server.kit.mongo import Database
from server.kit.postgres import Pool
from server.kit.postgres.advisory_lock import AdvisoryLock
from server.kit.postgres.expiry import key_expiry
from server.kit.postgres.idempotency import first_answer
from server.kit.revocations import Revocations, UnrevokedTokens
from server.kit.standing import Standings
from server.kit.telemetry import telemetry
from server.kit.tls import to_neighbours
from server.services import USER
from server.settings import Settings, Tokens
from server.user.accounts.rules import User
from server.user.accounts.service import UserService
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.api_keys.service import ApiKeyService
from server.user.api_keys.store import PostgresApiKeyStore
from server.user.app.callers import feed_in, feed_registration, keep_seconds, standings
from server.user.app.destinations import (
    ending_sessions,
    erasing_neighbours,
    mail_destination,
    recipients,
    session_ends,
)
from server.user.audit.service import AuditService
from server.user.audit.store import PostgresAuditStore, inserting
from server.user.devices.rules import DeviceTokens
from server.user.email_links.service import EmailLinkService
from server.user.email_links.store.links import PostgresLinkStore
from server.user.events.encoding import is_about, to_outbox
from server.user.events.ending_api_keys import EndingApiKeys
from server.user.jobs.expiry import audit_expiry, failure_expiry, revocation_expiry, token_expiry
from server.user.jobs.sweeping import sweeps
from server.user.key_set.service import KeySetService
from server.user.logins.proving import CurrentPassword
from server.user.logins.service import AuthService
from server.user.logins.store import PostgresCredentialStore
from server.user.neighbours.personal_data import neighbours
from server.user.passwords.hashing import PasswordHasher, hashing
from server.user.personal_data.collecting import Own, Paged, Source
from server.user.personal_data.service import PersonalDataService
from server.user.personal_data.store import (
    FirstAnswers,
    Part,
    PostgresErasureStore,
    WaitingEvents,
)
from server.user.revocations.feed import reading
from server.user.sessions.granting import Granting
from server.user.sessions.rules import Lifetime, Session
from server.user.sessions.service import SessionService
from server.user.sessions.store import MongoSessionStore
from server.user.throttling.rules import Limits
from server.user.throttling.store import PostgresFailureStore
from server.user.throttling.throttle import Throttle
from server.user.totp.checking import Codes
from server.user.totp.service import TotpService
from server.user.totp.store import PostgresTotpStore

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
    neighbour_targets = settings.neighbours.neighbour_targets
    targets = Targets.of({name: neighbour_targets[name] for name in USER.neighbours})
    own_token = ServiceToken(Signer.for_neighbours(tokens))
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
                *sweeps(pool, database, one_at_a_time),
            ),
            auditing(pool) as audit,
            nullcontext(feed_in(pool, revocations, keep_seconds(tokens))) as feed,
            Emporium(targets, token=own_token, tls=to_neighbours(settings.server)) as shop,
            outbox.relaying(
                pool,
                settings.postgres.database_url,
                [
                    ending_sessions(pool, database, feed.wake),
                    EndingApiKeys(PostgresApiKeyStore(pool, to_outbox, feed.wake)),
                    mail_destination(pool, mailer, signer, settings.mail),
                    *erasing_neighbours(pool, neighbours(shop)),
                ],
                also_wake=feed.wake,
            ) as wake,
            reading(feed),
            hashing(tokens.bcrypt_cost, tokens.bcrypt_threads) as hasher,
            standings(pool, feed) as accounts,
            lifecycle.serving(
                settings.server,
                UnrevokedTokens(verifier, revocations),
                (
                    *registrations(
                        pool,
                        database,
                        hasher,
                        signer,
                        wake,
                        accounts,
                        tokens,
                        others=neighbours(shop),
                    ),
                    feed_registration(feed),
                    key_set(verifier),
                ),
                probes={"postgres": partial(postgres.ping, pool)},
                accounts=accounts,
                audit=audit,
                key_secret=signer.secret("idempotency"),
            ),
        ):
            await lifecycle.stopping()


@asynccontextmanager
async def auditing(pool: Pool) -> AsyncIterator[CommittingSink]:
    """What keeps the records of this service's own calls."""
    async with writing(AuditWriter(PostgresAuditStore(pool).append)) as writer:
        yield audit_sink(writer)


def audit_sink(writer: AuditWriter) -> CommittingSink:
    """The record of a change is committed with it; its address and device are added afterwards."""
    return CommittingSink(writer, lambda record: inserting([record]), after=writer.put)


def throttle(pool: Pool, signer: Signer, tokens: Tokens, now: Callable[[], datetime]) -> Throttle:
    """What counts failed logins, in `pool`."""
    limits = Limits(
        tokens.login_failures_max,
        tokens.address_failures_max,
        timedelta(seconds=tokens.login_failures_seconds),
    )
    return Throttle(PostgresFailureStore(pool), limits, signer.secret("login failures"), now)


def key_set(verifier: Verifier) -> Registration:
    """The service that publishes what `verifier` takes tokens of."""
    service = key_set_service_pb2.DESCRIPTOR.services_by_name["KeySetService"]
    return Registration(service, KeySetService(verifier))


def registrations(  # noqa: PLR0913 (a parameter for each part of the service)
    pool: Pool,
    database: Database,
    hasher: PasswordHasher,
    signer: Signer,
    wake: outbox.Wake,
    callers: Standings,
    tokens: Tokens,
    *,
    now: Callable[[], datetime] = _now,
    others: Sequence[Source] = (),
) -> tuple[Registration, ...]:
    """The services of this process, over `pool` and, for sessions, `database`.

    `callers` is told which accounts have changed. `others` are the services that hold something of
    people too.
    """
    page_tokens = PageTokens(signer.secret("page tokens"))
    guarded = [Role(name.upper()) for name in tokens.totp_required_roles]
    accounts = PostgresUserStore(pool, to_outbox, wake, guarded)
    sessions = MongoSessionStore(database)
    ends = session_ends(pool, wake)
    lifetime = Lifetime(
        idle=timedelta(seconds=tokens.session_seconds),
        whole=timedelta(seconds=tokens.session_lifetime_seconds),
    )
    granting = Granting(sessions, ends, accounts, signer, lifetime, now, guarded)
    credentials, failures = PostgresCredentialStore(pool), throttle(pool, signer, tokens, now)
    totp_store = PostgresTotpStore(pool, to_outbox, wake, guarded)
    codes = Codes(totp_store, Sealing(signer.secret("TOTP secrets")), now)
    devices = DeviceTokens(signer.secret("device tokens"))
    logins = AuthService(credentials, accounts, hasher, granting, devices, failures, codes, now)
    current = CurrentPassword(credentials, hasher, failures)
    second = TotpService(totp_store, accounts, current, codes, failures, tokens.totp_issuer, now)
    users = user_service_pb2.DESCRIPTOR.services_by_name["UserService"]
    auth = auth_service_pb2.DESCRIPTOR.services_by_name["AuthService"]
    totp = totp_service_pb2.DESCRIPTOR.services_by_name["TotpService"]
    own = session_service_pb2.DESCRIPTOR.services_by_name["SessionService"]
    links = email_link_service_pb2.DESCRIPTOR.services_by_name["EmailLinkService"]
    audit = audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"]
    keys = api_key_service_pb2.DESCRIPTOR.services_by_name["ApiKeyService"]
    held = personal_data_service_pb2.DESCRIPTOR.services_by_name["PersonalDataService"]
    key_store = PostgresApiKeyStore(pool, to_outbox, wake)
    link_store = PostgresLinkStore(
        pool, to_outbox, wake, [key_store, totp_store], guarded, recipients(pool, signer)
    )
    log = PostgresAuditStore(pool)
    parts: list[Part] = [link_store, key_store, totp_store, FirstAnswers(), WaitingEvents(is_about)]
    erasures = PostgresErasureStore(pool, parts)
    own_parts = own_sources(accounts, sessions, link_store, key_store, totp_store, log)
    sources: list[Source] = [*own_parts, *others]
    once = partial(first_answer, pool)
    opening = UserService(accounts, hasher, page_tokens, callers.forget, erasures, link_store)
    outside = ApiKeyService(key_store, accounts, signer, page_tokens, guarded)
    return (
        Registration(users, answering_repeats(users, opening, once)),
        Registration(auth, logins),
        Registration(own, SessionService(sessions, ends, granting)),
        Registration(links, EmailLinkService(link_store, hasher, devices)),
        Registration(audit, AuditService(log, page_tokens)),
        Registration(keys, answering_repeats(keys, outside, once)),
        Registration(held, PersonalDataService(accounts, erasures, sources)),
        Registration(totp, second),
    )


def own_sources(
    accounts: PostgresUserStore,
    sessions: MongoSessionStore,
    links: PostgresLinkStore,
    keys: PostgresApiKeyStore,
    totp: PostgresTotpStore,
    log: PostgresAuditStore,
) -> Sequence[Source]:
    """What this service holds of a person, each under its name in an export."""

    async def account(user_id: str) -> Sequence[User]:
        return [await accounts.get(user_id)]

    async def devices(user_id: str) -> Sequence[Session]:
        return await sessions.list(user_id, datetime.now(UTC))

    return [
        Own("account", account),
        Own("sessions", devices),
        Own("mailed_links", links.export),
        Own("api_keys", keys.export),
        Own("second_factor", totp.export),
        Paged("audit_events", log.export),
    ]
