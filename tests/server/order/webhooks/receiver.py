"""A receiver of webhooks: an HTTP server whose answers a test makes up."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from standardwebhooks.webhooks import Webhook as Verifier


@dataclass(frozen=True)
class Post:
    """What was posted."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> Any:
        return json.loads(self.body)

    def verified(self, secret: str) -> Any:
        """What the library of Standard Webhooks makes of it, which raises for a bad signature."""
        return Verifier(secret).verify(self.body, dict(self.headers))


Answer = Callable[[Post], Awaitable[bytes | None]]
"""What is written back, as HTTP has it; None: the connection is reset."""


def http(status: int, *headers: str, body: bytes = b"") -> bytes:
    """An answer of HTTP."""
    lines = [f"HTTP/1.1 {status} .", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def takes(_: Post) -> bytes:
    return http(200)


async def fails(_: Post) -> bytes:
    return http(500)


@dataclass
class Receiver:
    """Answers as `answer` says, and keeps what it was posted."""

    answer: Answer = takes
    posts: list[Post] = field(default_factory=list)
    port: int = 0
    connections: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def ids(self) -> list[str]:
        return [post.id for post in self.posts]

    async def __aenter__(self) -> "Receiver":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while post := await _read(reader):
                self.posts.append(post)
                answer = await self.answer(post)
                if answer is None:
                    writer.transport.abort()
                    return
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the other side has gone
        finally:
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Post | None:
    if not (first := await reader.readline()):
        return None
    headers = {}
    while line := (await reader.readline()).decode().strip():
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Post(first.split()[1].decode(), headers, body)
