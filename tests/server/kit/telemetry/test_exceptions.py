"""Tracebacks in logs tell where, and quote no row."""

import asyncpg
import pytest

from server.kit.postgres import Pool
from server.kit.telemetry.exceptions import told

CANARY = "ann.canary@example.com"


async def taken(pool: Pool) -> asyncpg.UniqueViolationError:
    """What the driver raises when a row is there, with the value in its text."""
    async with pool.acquire() as connection:
        await connection.execute("CREATE TEMP TABLE mails (mail text UNIQUE)")
        await connection.execute("INSERT INTO mails VALUES ($1)", CANARY)
        with pytest.raises(asyncpg.UniqueViolationError) as raised:
            await connection.execute("INSERT INTO mails VALUES ($1)", CANARY)
        await connection.execute("DROP TABLE mails")
    assert CANARY in str(raised.value), "else this proves nothing"
    return raised.value


async def test_a_drivers_exception_tells_what_failed_and_no_value(pool: Pool) -> None:
    text = told(await taken(pool))
    assert CANARY not in text
    assert "asyncpg.exceptions.UniqueViolationError: sqlstate=23505" in text
    assert "constraint_name=mails_mail_key" in text
    assert "in taken" in text


async def test_nor_does_one_that_lies_further_down(pool: Pool) -> None:
    error = await taken(pool)
    for outer in (RuntimeError("ours"), ExceptionGroup("many", [error])):
        outer.__cause__ = outer.__context__ = error
        text = told(outer)
        assert CANARY not in text
        assert str(outer).partition(" (")[0] in text


def test_the_text_of_our_own_is_told() -> None:
    try:
        raise RuntimeError("what we wrote")
    except RuntimeError:
        assert told(True).endswith("RuntimeError: what we wrote")
    assert told(None) == ""
