"""The page for people: docs/access.md, every rpc and who may call it."""

from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from emporium.options.v1.options_pb2 import Access
from emporium.type.v1.role_pb2 import Role
from server.contract import rpcs
from server.contract.rpcs import Rpc

_PATH = Path("docs/access.md")

_HEAD = """\
<!-- Made from protos/ by `make generate`; not to be edited. -->

# Who may call what

Each rpc declares its rule in the contract (`emporium.options.v1.access`), and the service that
answers keeps it, whichever door the call comes by; a service with an rpc that declares none does
not start. [Why](decisions/04-access-on-the-rpc.md).

| who | |
|---|---|
| anyone | with a token or without; one that is sent must be valid |
| signed in | whoever has a valid token: people and services |
| any person | whoever has a valid token, and is no service |
| owner by `field` | the person whose id the request has in `field`; for others it does not exist |
| owner | the person whom the stored resource belongs to; for others it does not exist |
| ADMIN, STAFF | whoever has that role |
| SERVICE (order) | that service, by its own key, and no other |

| whose word decides | |
|---|---|
| account | the caller's account and session, now; of two roles the lesser one (`fresh: ALWAYS`) |
| account, by role | the same, a second old at most, of those whom a role lets in (`BY_ROLE`) |
| token | the token, until it expires |
| - | the caller's account does not matter |

Services that keep no accounts know them as they were 5 s ago at most. An end of access, such as a
logout, counts within 5 s, whoever's word decides. While the user service is away, other services
refuse what needs the account's word, and go by the token for the rest.

An API key is for what one account can do, as far as its scopes reach: `orders.read` is for all rpcs
of orders without side effects, `orders.write` for the others. It needs its scope also where anyone
may call. What decides how somebody signs in, or as what, has no scope, and no API key can do it.
Whoever has signed in by other means needs none.

A limit beside the one that every client has is named under REST. Rpcs without REST are for
Emporium's own services; the edge does not offer them, by gRPC neither.
"""

_COLUMNS = """\
| rpc | REST | who | whose word decides | scope of API keys |
|---|---|---|---|---|
"""
_AUDIENCES = {
    Access.PUBLIC: "anyone",
    Access.SIGNED_IN: "signed in",
    Access.PERSON: "any person",
}
_WORDS = {
    Access.ALWAYS: "account",
    Access.BY_ROLE: "account, by role",
    Access.TOKEN: "token",
    Access.FRESH_UNSPECIFIED: "-",
}


def owned(root: Path) -> Iterator[Path]:
    """Finds what an earlier run made below `root`."""
    if (root / _PATH).exists():
        yield root / _PATH


def generate(image: FileDescriptorSet, into: Path) -> list[Path]:
    """Writes the page below `into` and returns its path."""
    path = into / _PATH
    path.parent.mkdir(parents=True, exist_ok=True)
    services = groupby(sorted(rpcs.read(image), key=_service), key=_service)
    path.write_text(_HEAD + "".join(_table(service, each) for service, each in services))
    return [path]


def _service(rpc: Rpc) -> str:
    return rpc.service


def _table(service: str, known: Iterator[Rpc]) -> str:
    rows = "".join(
        f"| {rpc.name} | {_rest(rpc)} | {who(rpc)} | {_word(rpc)} | {_scope(rpc)} |\n"
        for rpc in known
    )
    return f"\n## {service}\n\n{_COLUMNS}{rows}"


def _rest(rpc: Rpc) -> str:
    calls = [f"`{binding.verb} {binding.template}`" for binding in rpc.bindings]
    limit = [f"limit `{rpc.limit}`"] if rpc.limit else ["not limited"] * rpc.unlimited
    return ", ".join([*calls, *limit]) or "-"


def who(rpc: Rpc) -> str:
    """Who may call, in a word or two of Markdown."""
    access = rpc.access
    roles = ", ".join(_role(role, access) for role in access.roles)
    if access.audience == Access.ROLES:
        return roles
    if access.audience == Access.OWNER:
        field = f" by `{access.owner_field}`" if access.owner_field else ""
        return f"owner{field}, {roles}" if roles else f"owner{field}"
    return _AUDIENCES[access.audience]


def _role(role: "Role.ValueType", access: Access) -> str:
    name = Role.Name(role)
    return f"{name} ({' or '.join(sorted(access.services))})" if role == Role.SERVICE else name


def _word(rpc: Rpc) -> str:
    return _WORDS[rpc.access.fresh]


def _scope(rpc: Rpc) -> str:
    return f"`{rpc.scope}`" if rpc.scope else "-"
