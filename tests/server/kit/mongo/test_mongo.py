"""One MongoDB database on either driver: starting, failing, coming back, transactions."""

import asyncio
import signal
import uuid
from functools import partial
from pathlib import Path

import psutil
import pytest
from pymongo.errors import (
    AutoReconnect,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from emporium.deadline import within
from server.kit import errors
from server.kit import mongo as kit_mongo
from server.kit.mongo import Database, Session
from server.local.engines.mongo import EmbeddedMongo
from server.local.home.ports import free_ports
from server.settings import Mongo, SettingsError
from tests.server.kit.mongo.conftest import DRIVERS, Driver, connected
from tests.waiting import until

# How long a driver waits for a server that is not there, unless it is told otherwise, is 30 s.
DRIVERS_OWN_SECONDS = 25


def new_word() -> str:
    return uuid.uuid4().hex


async def test_what_a_transaction_did_is_seen_when_it_ends(database: Database) -> None:
    words, word = database.collection("words"), new_word()

    async def work(session: Session) -> str:
        await words.insert_one({"_id": word}, session=session)
        assert await words.find_one({"_id": word}) is None
        return word

    assert await database.transaction(work) == word
    assert await words.find_one({"_id": word}) == {"_id": word}


async def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    words, word = database.collection("words"), new_word()

    async def work(session: Session) -> None:
        await words.insert_one({"_id": word}, session=session)
        raise LookupError

    with pytest.raises(LookupError):
        await database.transaction(work)
    assert await words.find_one({"_id": word}) is None


async def test_transactions_that_meet_try_again_until_all_are_done(database: Database) -> None:
    words, word = database.collection("words"), new_word()
    await words.insert_one({"_id": word, "said": 0})
    attempts = 0

    async def work(session: Session) -> None:
        nonlocal attempts
        attempts += 1
        found = await words.find_one({"_id": word}, session=session)
        change = {"$set": {"said": found["said"] + 1}}
        await words.update_one({"_id": word}, change, session=session)

    await asyncio.gather(*(database.transaction(work) for _ in range(8)))
    assert (await words.find_one({"_id": word}))["said"] == 8
    assert attempts > 8


async def test_a_transaction_that_keeps_meeting_another_ends_as_a_conflict(
    database: Database,
) -> None:
    words, word = database.collection("words"), new_word()
    await words.insert_one({"_id": word})

    async def stubborn(session: Session) -> None:
        await words.update_one({"_id": word}, {"$set": {"by": "stubborn"}}, session=session)

        async def second(session: Session) -> None:
            await words.update_one({"_id": word}, {"$set": {"by": "second"}}, session=session)

        with pytest.raises(errors.Conflict), kit_mongo.translated(), within(2.0):
            await database.transaction(second)

    await database.transaction(stubborn)
    assert (await words.find_one({"_id": word}))["by"] == "stubborn"


async def test_ensuring_a_collection_again_replaces_its_schema(database: Database) -> None:
    strict = {"required": ["letters"]}
    name = f"words_{new_word()}"
    await database.ensure_collection(name, {})
    await database.ensure_collection(name, strict)
    with pytest.raises(OperationFailure, match="failed validation"):
        await database.collection(name).insert_one({})
    with pytest.raises(OperationFailure, match="Invalid namespace"):
        await database.ensure_collection("", strict)


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_server_that_does_not_come_up_is_unavailable(driver: Driver) -> None:
    uri = f"mongodb://127.0.0.1:{free_ports(1)[0]}/?replicaSet=rs0"
    with pytest.raises(errors.Unavailable, match="MongoDB cannot be reached"):
        async with asyncio.timeout(DRIVERS_OWN_SECONDS), connected(uri, driver):
            pass


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_server_that_does_not_let_us_in_is_told_of_without_the_password(
    mongo: EmbeddedMongo, driver: Driver
) -> None:
    stranger = f"mongodb://stranger:s3cret@127.0.0.1:{mongo.port}/?replicaSet=rs0"
    with pytest.raises(errors.Unavailable, match=r"Authentication failed$") as raised:
        async with connected(stranger, driver):
            pass
    assert "s3cret" not in raised.value.message


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize(
    "uri", ["", "localhost/?tls", "mongodb://ann:s3cret@", "mongodb://ann:s3cret@a:port/"]
)
async def test_an_address_that_cannot_be_is_told_of_without_the_password(
    uri: str, driver: Driver
) -> None:
    with pytest.raises(SettingsError, match="MONGODB_URI") as raised:
        async with connected(uri, driver):
            pass
    assert "s3cret" not in str(raised.value)


async def test_a_server_that_comes_up_late_is_waited_for(engines_folder: Path) -> None:
    own = EmbeddedMongo(engines_folder / "late", durable=False)
    async with own:
        pass  # its first start, at which its users are created
    settings = Mongo(
        mongodb_uri=own.uri, mongodb_database="emporium_kit", mongodb_connect_timeout_seconds=20
    )

    async def connect() -> None:
        async with kit_mongo.connected(settings) as late:
            await late.ping()

    connecting = asyncio.create_task(connect())
    await asyncio.wait({connecting}, timeout=0.2)
    async with own:
        await connecting


@pytest.mark.parametrize("driver", DRIVERS)
async def test_it_follows_the_server_down_and_up(engines_folder: Path, driver: Driver) -> None:
    async with (
        EmbeddedMongo(engines_folder / driver) as own,
        connected(own.uri, driver, 1.5) as database,
    ):
        words = database.collection("words")
        await words.insert_one({"_id": "before"})

        own.child.send(signal.SIGSTOP)
        await until(partial(_all_threads_stopped, own.child.pid))
        async with asyncio.timeout(DRIVERS_OWN_SECONDS):
            with pytest.raises(errors.DeadlineExceeded), database.limited():
                await words.insert_one({"_id": "while it sleeps"})
        own.child.send(signal.SIGCONT)

        own.child.send(signal.SIGKILL)
        await own.child.wait()
        async with asyncio.timeout(DRIVERS_OWN_SECONDS):
            for _ in range(2):
                with pytest.raises(errors.Unavailable), database.limited():
                    await words.insert_one({"_id": "while it is away"})
            with pytest.raises(errors.Unavailable), kit_mongo.translated():
                await database.transaction(
                    lambda session: words.insert_one({"_id": "while it is away"}, session=session)
                )
        with pytest.raises(PyMongoError):
            await database.ping()

        await own.start()
        async with asyncio.timeout(30):
            await _until_it_answers(database)
        assert await words.find_one({"_id": "before"})
        assert await words.find_one({"_id": "while it is away"}) is None


async def _all_threads_stopped(pid: int) -> bool:
    """A signal is not there at once for each of them, and one that still runs may answer."""
    threads = psutil.Process(pid).threads()
    return all(psutil.Process(each.id).status() == psutil.STATUS_STOPPED for each in threads)


async def _until_it_answers(database: Database) -> None:
    while True:
        try:
            await database.ping()
        except PyMongoError:
            await asyncio.sleep(0.05)
        else:
            return


@pytest.mark.parametrize(
    ("raised", "heard"),
    [
        (NetworkTimeout("slow"), errors.DeadlineExceeded),
        (ExecutionTimeout("slow"), errors.DeadlineExceeded),
        (WTimeoutError("slow"), errors.DeadlineExceeded),
        (AutoReconnect("gone"), errors.Unavailable),
        (ServerSelectionTimeoutError("gone"), errors.Unavailable),
        (
            OperationFailure("met", 112, {"errorLabels": ["TransientTransactionError"]}),
            errors.Conflict,
        ),
        (OperationFailure("wrong", 9), OperationFailure),
        (LookupError("ours"), LookupError),
    ],
)
def test_each_of_the_drivers_errors_has_a_name_for_callers(
    raised: Exception, heard: type[Exception]
) -> None:
    with pytest.raises(heard) as found, kit_mongo.translated():
        raise raised
    if isinstance(found.value, errors.Unavailable | errors.Conflict):
        assert found.value.retry_after_seconds
