"""What servicers and guards know of a call, independent of the gRPC library."""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from server.kit import errors

_is_traceparent = re.compile(
    r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
).fullmatch

OPERATOR = "operator"
"""The id of whoever runs the command line: an actor without an account."""

_LABEL_LENGTH_MAX = 120


class Role(StrEnum):
    """What a caller may be, by the names of `emporium.type.v1.Role`."""

    CUSTOMER = "CUSTOMER"
    STAFF = "STAFF"
    ADMIN = "ADMIN"
    SERVICE = "SERVICE"


_RANKS = {Role.CUSTOMER: 0, Role.STAFF: 1, Role.ADMIN: 2}


def lesser(one: Role, other: Role) -> Role:
    """Of two roles of people, the one that may do less."""
    return min(one, other, key=_RANKS.__getitem__)


@dataclass(frozen=True, slots=True)
class Caller:
    """The subject of a verified token."""

    id: str  # a user id, `service:<name>`, or OPERATOR
    role: Role
    expires_at: float  # Unix time in seconds
    session_id: str = ""  # that the token belongs to, or its API key; a UUID
    account_version: int = 0  # of the account, by which the token was signed; 0: it does not say
    scopes: frozenset[str] | None = None  # of its API key; None: of none, and not limited

    @property
    def is_staff(self) -> bool:
        """Whether the caller is an employee of the shop."""
        return self.role is Role.STAFF or self.role is Role.ADMIN


@dataclass(frozen=True, slots=True)
class Key:
    """What identifies a repeated call: its caller, its rpc, its idempotency key and its body."""

    caller: str
    method: str  # its full path, such as `emporium.order.v1.OrderService/CreateOrder`
    key: str
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class Device:
    """Where a call comes from."""

    label: str  # at most 120 characters; empty when nothing is known
    address: str  # an IP address, or empty


@lru_cache(maxsize=256)  # 3 us of each audit record otherwise, and most callers come again
def device_of(user_agent: str | None, forwarded_for: str | None) -> Device:
    """What is known of a call's origin, by the two headers.

    The last address of `forwarded_for` is the one that the edge saw itself; callers can write what
    they like before it.
    """
    label = re.sub(r"[^!-~]+", " ", user_agent or "").strip()[:_LABEL_LENGTH_MAX]
    try:
        address = str(ipaddress.ip_address((forwarded_for or "").rpartition(",")[2].strip()))
    except ValueError:
        address = ""
    return Device(label, address)


class Context:
    """One call under way.

    `metadata` is what the caller sent, by lower-case key. `caller` is set by the authentication
    guard and stays None for a caller without a token. `headers` is the initial metadata of
    the answer.

    `owner_scope` is whose resources the caller of an OWNER rpc may reach: its own id, or None for
    everybody's. Stores take it with every read and write of an owned resource. The access guard
    sets it from the roles that the rpc declares, and for no other rpc: to read it there is a
    defect.

    `key` is the caller's idempotency key; None when it sent none, or the rpc takes none. A store
    keeps the first answer under it, in the same unit of work as the change.

    `key_as_sent` is that key as a header had it, quoted or not; empty when it was no header.

    `request` is the last message that the caller sent, which may break rules as long as the guards
    look at it, and `response` the last one that it got; None before. A servicer sets the
    answer that a change will have, so that the record committed with it says what was made.

    `by_role` tells that the call does what its caller's role alone lets it do, where the rpc is for
    others too; see `needs_role`. For the audit log.

    `subject` is the id of the account that the call is about, where the servicer finds out and the
    messages do not say so: whose e-mail, token or order it is. For the audit log.
    `peer_names` are those in the certificate of whoever has connected, who need not be the caller;
    none where no certificates are asked for.

    `resource` is the path of what the call changes, such as `/api/v1/users/0190...`, as soon as
    that is known; for logs. Empty for a read, and for a change of something without a path.
    """

    __slots__ = (
        "by_role",
        "caller",
        "headers",
        "key",
        "key_as_sent",
        "metadata",
        "owner_scope",
        "peer_names",
        "request",
        "request_id",
        "resource",
        "response",
        "started_at",
        "subject",
        "time_remaining",
    )

    owner_scope: str | None

    def __init__(self, metadata: Mapping[str, str], time_remaining: float | None) -> None:
        self.metadata = metadata
        self.time_remaining = time_remaining  # seconds until the caller's deadline; None: none
        self.request_id = ""
        self.started_at = 0.0  # time.perf_counter()
        self.caller: Caller | None = None
        self.key: Key | None = None
        self.key_as_sent = ""
        self.peer_names: Sequence[str] = ()
        self.resource = ""
        self.request: Any = None
        self.response: Any = None
        self.subject = ""
        self.by_role = False
        self.headers: list[tuple[str, str]] = []

    @property
    def signed_in(self) -> Caller:
        """The caller of an rpc that needs one; the access guard has made sure of it."""
        assert self.caller is not None, "the rpc's access rule lets in callers without a token"
        return self.caller

    def needs_role(self, refuse: Callable[[], None], *, has_it: bool) -> None:
        """Runs `refuse`, which raises `Forbidden` for what the rpc does by a role alone.

        A caller who has the role passes nevertheless, and leaves a record of it.
        """
        try:
            refuse()
        except errors.Forbidden:
            if not has_it:
                raise
            self.by_role = True

    @property
    def device(self) -> Device:
        """Where the call comes from."""
        return device_of(self.metadata.get("user-agent"), self.metadata.get("x-forwarded-for"))

    @property
    def traceparent(self) -> str | None:
        """The trace that the call belongs to, as W3C Trace Context writes it; None for none.

        What is no `traceparent` of version 00 is none: it is kept with what the call changes.
        """
        sent = self.metadata.get("traceparent")
        return sent if sent and _is_traceparent(sent) else None
