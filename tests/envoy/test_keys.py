"""Envoy follows the key set while it runs."""

import asyncio

import pytest

from server.kit import auth
from server.local.engines import edge
from tests.envoy.conftest import KEY, SOURCE, Edge, error_of, signed

NEW = auth.new_key("user-2")
PATH = "/api/v1/users/1"
WITHIN_SECONDS = 20


@pytest.fixture(autouse=True)
async def one_key(running: Edge) -> None:
    await published(running, KEY)


async def published(running: Edge, *keys: dict[str, str]) -> None:
    await asyncio.to_thread(edge.write_keys, SOURCE, running.folder, auth.jwks(keys)["keys"])


async def until(running: Edge, key: dict[str, str], status: int) -> None:
    """Returns when tokens of `key` are answered so."""
    async with asyncio.timeout(WITHIN_SECONDS):
        while True:
            async with running.rest(signed(key)) as client:
                if (await client.get(PATH)).status_code == status:
                    return


async def test_a_key_that_is_published_is_taken_and_one_that_is_withdrawn_refused(
    running: Edge,
) -> None:
    async with running.rest(signed(NEW)) as client:
        error_of(await client.get(PATH), 401, "INVALID_TOKEN")
    await published(running, KEY, NEW)
    await until(running, NEW, 200)
    async with running.rest(signed()) as client:
        assert (await client.get(PATH)).status_code == 200
    await published(running, NEW)
    await until(running, KEY, 401)
    await until(running, NEW, 200)


async def test_no_call_is_refused_while_keys_change(running: Edge) -> None:
    async def call() -> int:
        async with running.rest(signed()) as client:
            return (await client.get(PATH)).status_code

    for round_ in range(5):
        await published(running, KEY, auth.new_key(f"user-{round_ + 2}"))
        assert await asyncio.gather(*(call() for _ in range(20))) == [200] * 20


async def test_a_key_of_another_algorithm_verifies_nothing(running: Edge) -> None:
    await published(running, KEY, {**NEW, "alg": "ES256"})
    after = auth.new_key("user-3")
    await published(running, KEY, {**NEW, "alg": "ES256"}, after)
    await until(running, after, 200)
    async with running.rest(signed(NEW)) as client:
        error_of(await client.get(PATH), 401, "INVALID_TOKEN")
