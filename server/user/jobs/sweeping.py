"""Erases what has come late of persons who were erased."""

from datetime import UTC, datetime

from server.kit.background import Job, Lock
from server.kit.mongo import Database
from server.kit.postgres import Pool
from server.user.destinations import own_sessions
from server.user.personal_data.store import PostgresErasureStore

_SWEEP_SECONDS = 60.0


def sweeps(pool: Pool, database: Database, lock: Lock) -> tuple[Job, Job]:
    """Erase what has come late of persons who were erased, each every minute, in one process."""

    async def answers() -> None:
        await PostgresErasureStore(pool).sweep(datetime.now(UTC))

    sessions = own_sessions(database).sweep
    return (
        Job("erasure_sweep_postgres", answers, _SWEEP_SECONDS, lock),
        Job("erasure_sweep_mongodb", sessions, _SWEEP_SECONDS, lock),
    )
