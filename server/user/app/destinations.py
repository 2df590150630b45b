"""Where the events and the mails of this service's outbox go."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

from server.kit import outbox
from server.kit.auth import Signer
from server.kit.mail import Mailer
from server.kit.mongo import Database
from server.kit.postgres import Pool
from server.settings import Mail
from server.user.email_links.sending import MailDestination
from server.user.email_links.store.links import PostgresLinkStore
from server.user.email_links.store.recipients import Recipients
from server.user.events.encoding import ERASED, mail_from_outbox, to_outbox
from server.user.events.ending_sessions import EndingSessions
from server.user.jobs.sweeping import own_sessions
from server.user.mail.letters import Letters
from server.user.mail.rules import MailKind
from server.user.neighbours.personal_data import Neighbour
from server.user.personal_data.sending import ErasureDestination
from server.user.personal_data.store import PostgresErasureStore
from server.user.sessions.store import MongoSessionStore, PostgresSessionEnds
from server.user.throttling.store import PostgresFailureStore


def mail_destination(pool: Pool, mailer: Mailer, signer: Signer, settings: Mail) -> MailDestination:
    """What sends the mails that wait in the outbox of `pool`."""
    return MailDestination(
        PostgresLinkStore(pool, encode=to_outbox, wake=lambda: None),
        recipients(pool, signer),
        mailer,
        Letters(settings.mail_from, settings.shop_url),
        decode=mail_from_outbox,
        secret=signer.secret("one-time tokens"),
        lifetimes={
            MailKind.RESET_PASSWORD: settings.password_reset_seconds,
            MailKind.VERIFY_EMAIL: settings.email_verification_seconds,
            MailKind.CHANGE_EMAIL: settings.email_verification_seconds,
            MailKind.ACCOUNT_OPENED: settings.email_verification_seconds,
        },
    )


def recipients(pool: Pool, signer: Signer) -> Recipients:
    """What counts mails by the addresses that they go to, in `pool`."""
    secret = signer.secret("mail recipients")
    return Recipients(PostgresFailureStore(pool), secret, partial(datetime.now, UTC))


def session_ends(pool: Pool, wake: outbox.Wake) -> PostgresSessionEnds:
    """The ends of sessions in `pool`'s database."""
    return PostgresSessionEnds(pool, encode=to_outbox, wake=wake)


def ending_sessions(pool: Pool, database: Database, wake: outbox.Wake) -> EndingSessions:
    """What ends sessions in `database`; `wake` is told of what that adds to the feed in `pool`."""
    ends, erasing = session_ends(pool, wake), erasing_sessions(pool, database)
    return EndingSessions(MongoSessionStore(database), ends, erasing)


def erasing_sessions(pool: Pool, database: Database) -> ErasureDestination:
    """What has `database` erase the sessions of persons; their receipts go to `pool`."""
    return ErasureDestination(
        "sessions", own_sessions(database), PostgresErasureStore(pool), ERASED
    )


def erasing_neighbours(pool: Pool, others: Sequence[Neighbour]) -> Sequence[ErasureDestination]:
    """What tells each of the others whom to erase."""
    receipts = PostgresErasureStore(pool)
    return [ErasureDestination(each.service, each, receipts, ERASED) for each in others]
