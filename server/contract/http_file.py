"""docs/emporium.http: a call of each operation, for editors that send such files."""

from collections.abc import Iterator
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from server.contract import calls
from server.contract.calls import Call

PATH = Path("docs/emporium.http")
_HEAD = """\
# Made from protos/ by `make generate`; not to be edited.
#
# Every operation of REST once. Fill in what the calls that you send need: `make up` shows the edge,
# a login and its token.

@edge = http://localhost:8080
"""


def owned(root: Path) -> Iterator[Path]:
    """Finds what an earlier run made below `root`."""
    if (root / PATH).exists():
        yield root / PATH


def generate(image: FileDescriptorSet, into: Path) -> list[Path]:
    """Writes the file below `into` and returns its path."""
    known = calls.offered(image)
    variables = "".join(f"@{name} =\n" for name in calls.variables(known))
    text = _HEAD + variables + "".join(_call(call) for call in known)
    return [calls.written(into, PATH, text)]


def _call(call: Call) -> str:
    headers = "".join(f"{name}: {value}\n" for name, value in call.headers.items())
    body = f"\n{call.body}\n" if call.body else ""
    return (
        f"\n### {call.name}: {call.summary}\n{call.verb} {{{{edge}}}}{call.path}\n{headers}{body}"
    )
