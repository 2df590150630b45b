"""The embedded PostgreSQL, started for real."""

import os
from pathlib import Path

import asyncpg
import pytest

from server.local.engines.postgres import EmbeddedPostgres
from server.local.errors import ChildDied


async def test_it_refuses_a_wrong_password(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(
            host="127.0.0.1", port=postgres.port, user="postgres", password="guess"
        )


async def test_its_password_file_is_private(postgres: EmbeddedPostgres) -> None:
    password_file = postgres._password_file
    assert password_file.stat().st_mode & 0o077 == 0


async def test_a_durable_one_in_a_closed_folder_keeps_its_data_over_a_restart(
    tmp_path: Path,
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    async with EmbeddedPostgres(closed / "home") as first:
        connection = await asyncpg.connect(first.admin_dsn)
        await connection.execute("CREATE TABLE kept (word text)")
        await connection.execute("INSERT INTO kept VALUES ('still here')")
        assert await connection.fetchval("SHOW fsync") == "on"
        await connection.close()
    assert closed.stat().st_mode & 0o777 == 0o700

    async with EmbeddedPostgres(closed / "home") as second:
        connection = await asyncpg.connect(second.admin_dsn)
        assert await connection.fetchval("SELECT word FROM kept") == "still here"
        await connection.close()


async def test_a_stale_pid_file_with_a_reused_pid_is_removed(tmp_path: Path) -> None:
    async with EmbeddedPostgres(tmp_path, durable=False):
        stale = (tmp_path / "data" / "postmaster.pid").read_text()
    somebody_else = str(os.getpid())  # alive, and no PostgreSQL: what a reused pid looks like
    lines = [somebody_else, *stale.split("\n")[1:]]
    (tmp_path / "data" / "postmaster.pid").write_text("\n".join(lines))
    async with EmbeddedPostgres(tmp_path, durable=False) as again:
        assert again.child.running


async def test_a_server_that_cannot_start_is_reported_with_its_last_log_lines_and_the_remedy(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    rival = EmbeddedPostgres(tmp_path, durable=False, port=postgres.port)
    with pytest.raises(ChildDied, match="port is in use"):
        await rival.start()
