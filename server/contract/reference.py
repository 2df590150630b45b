"""docs/reference/: a page for each service, every rpc with its fields, answers and refusals.

At its end are the messages and enums of which those are made.
"""

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import calls, rpcs
from server.contract.calls import Call
from server.contract.described import Described, cell
from server.contract.openapi import comments, reasons
from server.contract.openapi.reasons import Reason
from server.contract.rpcs import Rpc

FOLDER = Path("docs/reference")
_NOTE = "<!-- Made from protos/ by `make generate`; not to be edited. -->\n"
_REFUSALS = "| code | status | |\n|---|---|---|\n"


def owned(root: Path) -> Iterator[Path]:
    """Finds what an earlier run made below `root`; the folder has no hand-written pages."""
    yield from (root / FOLDER).glob("*.md")


def generate(image: FileDescriptorSet, into: Path) -> list[Path]:
    """Writes the pages below `into` and returns their paths."""
    made = _Pages(image)
    services = groupby(calls.offered(image), key=lambda call: call.rpc.service)
    return [
        calls.written(into, FOLDER / f"{name.rpartition('.')[2]}.md", made.page(name, [*each]))
        for name, each in services
    ]


class _Pages:
    def __init__(self, image: FileDescriptorSet) -> None:
        self._pool = rpcs.pool_of(image)
        self._said = comments.read(image)
        self._known = reasons.declared(self._pool, self._said)
        self._described = Described(self._said)
        self._rpcs = rpcs.read(image)

    def page(self, service: str, known: list[Call]) -> str:
        once = {call.rpc.name: call for call in known}
        about = self._said.get(service, "")
        head = f"{_NOTE}\n# {service}\n\n{about}\n"
        parts = self._parts([call.rpc for call in once.values()])
        return head + "".join(self._call(call) for call in once.values()) + parts

    def _call(self, call: Call) -> str:
        rpc = call.rpc
        paths = "\n".join(f"    {each.verb} {each.template}" for each in rpc.bindings)
        siblings = {each.name: each for each in self._rpcs if each.service == rpc.service}
        refused = reasons.of_rpc(rpc, siblings, self._known, self._said)
        return "\n".join(
            [
                f"\n## {rpc.name}\n\n{self._said.get(f'{rpc.service}.{rpc.name}', '')}\n",
                f"{paths}\n",
                self._message("Takes", rpc.request),
                _example(call.request),
                self._message("Answers a stream of" if rpc.streaming else "Answers", rpc.response),
                "Refuses with:\n\n" + _REFUSALS + "".join(map(_refusal, refused)),
            ]
        )

    def _message(self, verb: str, name: str) -> str:
        message: Any = self._pool.FindMessageTypeByName(name)
        if not message.fields:
            return f"{verb} `{name}`, which is empty.\n"
        return f"{verb} `{name}`:\n\n{self._described.fields(message)}"

    def _parts(self, asked: Iterable[Rpc]) -> str:
        """What the requests and answers hold, each once, however deep."""
        names = dict.fromkeys(name for rpc in asked for name in (rpc.request, rpc.response))
        return self._described.parts([self._pool.FindMessageTypeByName(name) for name in names])


def _example(request: str) -> str:
    content = json.loads(request) if request else {}
    return f"For example:\n\n```json\n{json.dumps(content, indent=2)}\n```\n" if content else ""


def _refusal(reason: Reason) -> str:
    return f"| `{reason.name}` | {reason.status} | {cell(reason.meaning)} |\n"
