"""Transactions that are tried again when they meet others, on either driver."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pymongo
from pymongo.errors import PyMongoError, ServerSelectionTimeoutError
from pymongo.read_concern import ReadConcern
from pymongo.write_concern import WriteConcern

from server.kit.mongo.settled import settled
from server.kit.mongo.translation import TRY_AGAIN

Session = Any  # of whichever driver; a store only hands it on, as `session=`

T = TypeVar("T")

# Transactions that met: they try again soon, apart, and not for longer than the call may take.
_FIRST_RETRY_SECONDS = 0.005
_RETRY_SECONDS_MAX = 0.2
_COMMIT_AGAIN = "UnknownTransactionCommitResult"

_spread = random.SystemRandom()


async def transact(
    client: Any, work: Callable[[Session], Awaitable[T]], limit: Callable[[], float], seconds: float
) -> T:
    """Runs `work` in transactions of `client` until one is committed; see `Database.transaction`.

    `limit` gives the seconds that one attempt may take, asked anew for each; all of them together
    take `seconds`.
    """
    give_up_at = time.monotonic() + seconds
    delay = _FIRST_RETRY_SECONDS
    met: PyMongoError | None = None  # the last time that it met another transaction
    while True:
        try:
            return await _attempt(client, work, limit, give_up_at)
        except ServerSelectionTimeoutError:
            raise  # it is away, and trying again is for those who can wait for longer
        except PyMongoError as error:
            if met is not None and error.timeout:
                raise met from error  # the last attempt had hardly any time; the others tell more
            if not error.has_error_label(TRY_AGAIN) or time.monotonic() + delay > give_up_at:
                raise
            met = error
        await asyncio.sleep(delay * _spread.uniform(0.5, 1.5))
        delay = min(delay * 2, _RETRY_SECONDS_MAX)


async def _attempt(
    client: Any,
    work: Callable[[Session], Awaitable[T]],
    limit: Callable[[], float],
    give_up_at: float,
) -> T:
    # Leaving the session ends a transaction that was not committed. That stands outside the
    # time limit: it must be told to the server, or its locks would stay for a minute.
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
    """Commits, and asks again while it is unknown whether the commit has happened."""
    while True:
        try:
            await session.commit_transaction()
        except PyMongoError as error:
            if not error.has_error_label(_COMMIT_AGAIN) or time.monotonic() > give_up_at:
                raise
            await asyncio.sleep(_FIRST_RETRY_SECONDS)
        else:
            return
