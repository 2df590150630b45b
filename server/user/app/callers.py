"""What a process of this service knows of callers: their accounts, and what of theirs has ended."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from emporium.user.v1 import revocation_service_pb2
from server.kit.lifecycle import Registration
from server.kit.postgres import Pool
from server.kit.revocations import Revocations
from server.kit.standing import Standing, Standings
from server.settings import Tokens
from server.user.accounts.store.accounts import PostgresUserStore
from server.user.events.encoding import to_outbox
from server.user.revocations.feed import MARGIN_SECONDS, Feed
from server.user.revocations.service import RevocationService
from server.user.revocations.store import PostgresFeedStore

_STANDINGS_MAX = 1_000  # in one statement


@asynccontextmanager
async def standings(pool: Pool, feed: Feed) -> AsyncIterator[Standings]:
    """What callers' own accounts let them do, read from `pool` with what `feed` has not heard."""
    accounts = PostgresUserStore(pool, encode=to_outbox, wake=lambda: None)

    async def read(user_ids: Sequence[str]) -> Mapping[str, Standing]:
        found, entries = await accounts.standings(user_ids, feed.position)
        feed.heard(entries)
        return found

    known = Standings(read, feed.copy.checked, batch_max=_STANDINGS_MAX)
    try:
        yield known
    finally:
        await known.close()


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
