"""Every call of REST with an example, as files for people's tools have it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from emporium.options.v1.options_pb2 import Access
from server.contract import rpcs
from server.contract.examples import NOTICE, OAUTH_FORM, VARIABLE, Examples
from server.contract.openapi import comments
from server.contract.openapi.names import operation_id
from server.contract.rpcs import Rpc

FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Call:
    """One, with variables such as `{{order_id}}` in it."""

    name: str
    summary: str
    rpc: Rpc
    request: str  # of gRPC, as JSON; empty where its example is none of JSON
    verb: str
    path: str
    body: str
    content_type: str

    @property
    def headers(self) -> dict[str, str]:
        """What goes with it."""
        token = {"Authorization": "Bearer {{access_token}}"} if self.has_token else {}
        stream = {"Accept": "text/event-stream"} if self.rpc.streaming else {}
        return token | stream | ({"Content-Type": self.content_type} if self.body else {})

    @property
    def has_token(self) -> bool:
        """Where anyone may call, only if what may be said depends on who calls."""
        is_asked = self.rpc.access.fresh == Access.ALWAYS or bool(self.rpc.secret_header)
        return not self.rpc.public or is_asked

    @property
    def service(self) -> str:
        """Of gRPC, without the package."""
        return self.rpc.service.rpartition(".")[2]


def offered(image: FileDescriptorSet) -> list[Call]:
    """Those that there are, in the order of the contract."""
    examples, said = Examples(image), comments.read(image)
    known = (rpc for rpc in rpcs.read(image) if rpc.bindings and not rpc.internal)
    return [call for rpc in known for call in _of(rpc, examples, said)]


def variables(calls: list[Call]) -> list[str]:
    """All that they have, the token first."""
    found = (VARIABLE.findall(f"{call.path} {call.body} {call.request}") for call in calls)
    return list(dict.fromkeys(["access_token", *(name for names in found for name in names)]))


def _of(rpc: Rpc, examples: Examples, said: dict[str, str]) -> Iterator[Call]:
    summary, _ = comments.first_sentence(said.get(f"{rpc.service}.{rpc.name}", ""))
    is_form = "oauth_errors" in rpc.bare
    content = {} if is_form else examples.of(rpc)
    for binding in rpc.bindings:
        path = re.sub(r"\{(\w+)[^}]*\}", lambda found: f"{{{{{found[1]}}}}}", binding.template)
        rest = {name: each for name, each in content.items() if f"{{{{{name}}}}}" not in path}
        if binding.body not in ("", "*"):
            rest = NOTICE
        body = json.dumps(rest, indent=2) if binding.body else ""
        if rest and not binding.body:
            path += f"?{urlencode(rest, doseq=True, safe='{}')}"
        yield Call(
            name=operation_id(rpc, binding),
            summary=summary,
            rpc=rpc,
            request="" if is_form else json.dumps(content),
            verb=binding.verb,
            path=path,
            body=OAUTH_FORM if is_form else body,
            content_type=FORM if is_form else "application/json",
        )


def written(into: Path, path: Path, text: str) -> Path:
    """Writes a generated file below `into`."""
    target = into / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return target
