"""The edge's scripts in LuaJIT, as Envoy has it, without an Envoy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lupa.luajit21 import LuaRuntime

from server.contract import edge

_HANDLE = Path(__file__).with_name("handle.lua").read_bytes()


@dataclass(frozen=True)
class Ended:
    """What a script has made of a request or a reply."""

    headers: Mapping[str, bytes]
    body: bytes
    noted: Mapping[str, bytes]  # for the access log
    errors: Sequence[bytes]
    responded: Mapping[str, bytes] | None  # the reply that ended the request


class Script:
    """One of the scripts that Envoy loads. Text is bytes, as it is to Lua."""

    def __init__(self, name: str) -> None:
        self._lua = LuaRuntime(encoding=None, unpack_returned_tuples=True)
        self._new_call: Any = self._lua.execute(_HANDLE)
        self._lua.execute(edge.script(edge.SCRIPTS[name]).encode())

    def request(self, headers: Mapping[str, str | bytes], body: bytes | None = None) -> Ended:
        """What becomes of a request."""
        return self._run(b"envoy_on_request", headers, body, {}, None)

    def reply(
        self,
        headers: Mapping[str, str | bytes],
        body: bytes | None = None,
        *,
        route: Mapping[str, Any] | None = None,
        trailers: Mapping[str, str | bytes] | None = None,
    ) -> Ended:
        """What becomes of a reply, where `route` is what its route tells. Raises on failure."""
        return self._run(b"envoy_on_response", headers, body, route or {}, trailers)

    def _run(
        self,
        entry: bytes,
        headers: Mapping[str, str | bytes],
        body: bytes | None,
        route: Mapping[str, Any],
        trailers: Mapping[str, str | bytes] | None,
    ) -> Ended:
        handle, call = self._new_call(
            self._table(headers),
            body,
            self._table(route),
            None if trailers is None else self._table(trailers),
        )
        self._lua.globals()[entry](handle)
        left = call[b"body"]
        ended = call[b"responded"]
        return Ended(
            headers=_texts(call[b"headers"][b"known"]),
            body=left[b"bytes"] if left else b"",
            noted=_texts(call[b"noted"]),
            errors=list(call[b"errors"].values()),
            responded=None if ended is None else _texts(ended),
        )

    def _table(self, values: Mapping[str, Any]) -> Any:
        made = self._lua.table()
        for name, value in values.items():
            made[name.encode()] = self._table(value) if isinstance(value, dict) else _bytes(value)
        return made


def part(name: str) -> Any:
    """What the file of that name returns to the scripts that it is a part of."""
    names = next(names for names in edge.SCRIPTS.values() if name in names)
    lua = LuaRuntime(encoding=None, unpack_returned_tuples=True)
    return lua.execute(edge.script(names[: names.index(name) + 1]).encode())


def _bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _texts(table: Any) -> Mapping[str, bytes]:
    return {name.decode(): value for name, value in table.items()}
