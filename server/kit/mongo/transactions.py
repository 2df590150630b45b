"""Transactions that are retried when they conflict with others, on either driver."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pymongo
from pymongo.errors import PyMongoError, ServerSelectionTimeoutError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from server.kit.backoff import Backoff
from server.kit.mongo.settled import settled
from server.kit.mongo.translation import TRY_AGAIN

Session = Any  # of whichever driver; a store only hands it on, as `session=`

T = TypeVar("T")

# For transactions that conflicted: retried soon, at random moments, until the call's deadline.
_BACKOFF = Backoff(first_seconds=0.0075, seconds_max=0.25)
_COMMIT_AGAIN = "UnknownTransactionCommitResult"


async def transact(
    client: Any, work: Callable[[Session], Awaitable[T]], limit: Callable[[], float], seconds: float
) -> T:
    """Runs `work` in transactions of `client` until one is committed; see `Database.transaction`.

    `limit` gives the seconds that one attempt may take, and is called for each; all together take
    `seconds`.
    """
    give_up_at = time.monotonic() + seconds
    retries = _BACKOFF.retries(seconds)
    conflict: PyMongoError | None = None  # the last one with another transaction
    while True:
        try:
            return await _attempt(client, work, limit, give_up_at)
        except ServerSelectionTimeoutError:
            raise  # it is unreachable: the callers retry, since they may wait for longer
        except PyMongoError as error:
            if conflict is not None and error.timeout:
                raise conflict from error  # the last attempt had little time: its error says less
            delay = retries.failed() if error.has_error_label(TRY_AGAIN) else None
            if delay is None:
                raise
            conflict = error
        await asyncio.sleep(delay)


async def _attempt(
    client: Any,
    work: Callable[[Session], Awaitable[T]],
    limit: Callable[[], float],
    give_up_at: float,
) -> T:
    # Leaving the session ends a transaction that was not committed. That stands outside the
    # time limit: the server must get the abort, or would keep the locks for a minute.
    async with await settled(client.start_session()) as session:
        with pymongo.timeout(min(limit(), max(give_up_at - time.monotonic(), 0.001))):
            # Concerns come from the transaction, never from the collection.
            await settled(
                session.start_transaction(ReadConcern("snapshot"), WriteConcern("majority"))
            )
            result = await work(session)
            await _commit(session, give_up_at)
            return result


async def _commit(session: Session, give_up_at: float) -> None:
    """Commits, and retries while it is unknown whether the commit has happened."""
    retries = _BACKOFF.retries(give_up_at - time.monotonic())
    while True:
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            delay = retries.failed() if error.has_error_label(_COMMIT_AGAIN) else None
            if delay is None:
                raise
            await asyncio.sleep(delay)
        else:
            return
