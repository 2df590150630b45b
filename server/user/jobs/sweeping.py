"""Erases what has come late of persons who were erased."""

from datetime import UTC, datetime

from server.kit.background import Job, Lock
from server.kit.mongo import Database
from server.kit.mongo.erasing import Erasures
from server.kit.postgres import Pool
from server.user.personal_data.rules import OWN_MONGODB
from server.user.personal_data.store import PostgresErasureStore
from server.user.sessions.store import MongoSessionStore

_SWEEP_SECONDS = 60.0


def own_sessions(database: Database) -> Erasures:
    """The sessions in `database`, to be erased with a person."""
    return Erasures(database, OWN_MONGODB, (MongoSessionStore(database),))


def sweeps(pool: Pool, database: Database, lock: Lock) -> tuple[Job, Job]:
    """Erase what has come late of persons who were erased, each every minute, in one process."""

    async def answers() -> None:
        await PostgresErasureStore(pool).sweep(datetime.now(UTC))

    sessions = own_sessions(database).sweep
    return (
        Job("erasure_sweep_postgres", answers, _SWEEP_SECONDS, lock),
        Job("erasure_sweep_mongodb", sessions, _SWEEP_SECONDS, lock),
    )
