"""docs/grpcurl.md: a call of each rpc that the edge offers, by grpcurl."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import calls
from server.contract.calls import Call
from server.contract.examples import VARIABLE

PATH = Path("docs/grpcurl.md")
_HEAD = """\
<!-- Made from protos/ by `make generate`; not to be edited. -->

# Calls by grpcurl

Every rpc that the edge offers, once, from the root of a checkout; `grpcurl` is in `.venv/bin` as
well. Set what the calls that you make need: `make up` shows the edge, a login and its token.

```sh
EDGE=localhost:8080 ACCESS_TOKEN=...
```

The image `protos/emporium.binpb` holds the contract with all that it imports.
"""


def owned(root: Path) -> Iterator[Path]:
    """Finds what an earlier run made below `root`."""
    if (root / PATH).exists():
        yield root / PATH


def generate(image: FileDescriptorSet, into: Path) -> list[Path]:
    """Writes the page below `into` and returns its path."""
    known = [call for call in calls.offered(image) if call.request]
    services = groupby(known, key=lambda call: call.rpc.service)
    text = _HEAD + "".join(_service(name, each) for name, each in services)
    return [calls.written(into, PATH, text)]


def _service(name: str, known: Iterator[Call]) -> str:
    once = {call.rpc.name: call for call in known}
    return f"\n## {name}\n" + "".join(_call(call) for call in once.values())


def _call(call: Call) -> str:
    token = ' -H "authorization: Bearer $ACCESS_TOKEN"' if call.has_token else ""
    request = VARIABLE.sub(lambda found: f"${{{found[1].upper()}}}", call.request)
    return f"""
{call.summary}.

```sh
grpcurl -plaintext -protoset protos/emporium.binpb{token} -d @ $EDGE {call.rpc.path[1:]} <<JSON
{request}
JSON
```
"""
