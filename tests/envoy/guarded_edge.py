"""The edge in front of services whose handlers only count, and what both answer to many calls."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog

from server.kit import auth
from server.services import SERVICES
from tests.campaign.http2 import Answer, Connection, Lost, Request, connected
from tests.envoy.broken_tokens import Keys
from tests.envoy.conftest import KEY, Edge, edge_before
from tests.server.kit.guarded import Guarded, guarded

SERVICE_KEYS = {each.name: auth.new_key(each.own_key + "-1") for each in SERVICES}
KEYS = Keys(KEY, SERVICE_KEYS["order"])
BELIEVED = auth.jwks([KEYS.user, *SERVICE_KEYS.values()])
DOORS = ("the service", "the edge", "REST")
_UNLIMITED = 10**6
_CONNECTIONS = 16


@dataclass
class Doors:
    """The edge, and the services behind it, with a connection to each."""

    edge: Edge
    inside: Guarded

    def port(self, door: str) -> int:
        return self.inside.port if door == "the service" else self.edge.port

    async def outcomes(self, door: str, requests: Iterable[Request]) -> list[str]:
        """What each was answered, over few connections, which odd requests may end."""
        left, found = list(enumerate(requests)), {}
        left.reverse()

        async def work() -> None:
            connection = await connected(self.port(door))
            while left:
                n, request = left.pop()
                found[n] = await _outcome(connection, request)
                if not connection.is_open:
                    connection = await connected(self.port(door))
            connection.close()

        async with asyncio.TaskGroup() as group:
            for _ in range(_CONNECTIONS):
                group.create_task(work())
        return [found[n] for n in sorted(found)]


async def _outcome(connection: Connection, request: Request) -> str:
    try:
        answer: Answer = await connection.call(request)
    except Lost:
        return "lost"
    return answer.outcome


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Doors]:
    """Both doors. Nothing is logged meanwhile: the lines would take longer than the calls."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    async with (
        guarded(auth.Verifier(BELIEVED)) as inside,
        edge_before(
            inside,
            folder,
            per_minute=_UNLIMITED,
            login_per_minute=_UNLIMITED,
            published=[KEYS.user, *SERVICE_KEYS.values()],
        ) as edge,
    ):
        yield Doors(edge, inside)
    structlog.reset_defaults()
