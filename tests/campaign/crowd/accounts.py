"""Makes accounts and signs them in, by REST, as whoever owns them does."""

import asyncio
import time
from typing import Any

import httpx

from tests.campaign.crowd import PASSWORD

_AT_ONCE = 4  # twice as many as the user service hashes at a time
_TIMEOUT_SECONDS = 60.0

Account = dict[str, Any]


async def signed_in(edge_url: str, count: int) -> list[Account]:
    """So many; each with its tokens, and until when the first is good, in seconds since 1970."""
    free = asyncio.Semaphore(_AT_ONCE)
    async with (
        httpx.AsyncClient(base_url=f"{edge_url}/api/v1", timeout=_TIMEOUT_SECONDS) as client,
        asyncio.TaskGroup() as group,
    ):
        tasks = [group.create_task(_signed_in(client, free, number)) for number in range(count)]
    return [task.result() for task in tasks]


async def _signed_in(client: httpx.AsyncClient, free: asyncio.Semaphore, number: int) -> Account:
    email = f"customer{number}@crowd.example"
    person = {"email": email, "full_name": f"Customer {number}", "password": PASSWORD}
    async with free:
        (await client.post("/users", json=person)).raise_for_status()
        login = {"email": email, "password": PASSWORD}
        answer = (await client.post("/auth/login", json=login)).raise_for_status().json()["data"]
    return {
        "access_token": answer["access_token"],
        "refresh_token": answer["refresh_token"],
        "until": time.time() + answer["expires_in"],
    }
