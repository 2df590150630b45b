"""A process's own copy of the feed of revocations, by which it checks each token.

`docs/decisions/05-tokens.md` says how the feed works, and why versions are compared and not times.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache
from typing import NamedTuple

from prometheus_client import REGISTRY, CollectorRegistry, Gauge

from emporium.type.v1 import role_pb2
from emporium.type.v1.revocation_pb2 import Revocation
from server.kit import errors
from server.kit.auth import Tokens
from server.kit.context import Caller, Role, lesser

_ROLES = {number: Role(name) for name, number in role_pb2.Role.items() if number}


class _Account(NamedTuple):
    """What an account is since `version`, for tokens that are older."""

    version: int
    role: Role | None  # None: nobody may act in its name
    begun: int  # of sessions that count, tokens are of this version or a later one
    spared: str  # a session that may be older,
    spared_begun: int  # down to this version


class _Received(NamedTuple):
    """When an entry is forgotten, and which one."""

    until: float  # by the clock
    session_id: str  # or else:
    user_id: str
    version: int


class Revocations:
    """What has been told of tokens. The check of each costs two look-ups."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._sessions: dict[str, float] = {}  # that have ended, and until when that matters
        self._accounts: dict[str, _Account] = {}
        self._received: deque[_Received] = deque()

    def checked(self, caller: Caller) -> Caller:
        """`caller`, with the role that the account has since, if that is the lesser one.

        Raises `AccountInactive` when the account was suspended or deleted, `ApiKeyDeleted` and
        `SessionEnded`.
        """
        account = self._accounts.get(caller.id)
        if account is not None and caller.account_version < account.version:
            caller = _judged(caller, account)
        if caller.session_id in self._sessions:
            # The session of a token that has scopes is an API key.
            raise errors.SessionEnded if caller.scopes is None else errors.ApiKeyDeleted
        return caller

    def add(self, revocations: Iterable[Revocation], keep_seconds: float) -> None:
        """Takes in entries of the feed, which matter for so long. Again changes nothing.

        The entries of one account come in the order of its versions.
        """
        until = self._clock() + keep_seconds
        for revocation in revocations:
            if revocation.WhichOneof("ended") == "session_id":
                session_id = revocation.session_id
                self._sessions[session_id] = until
                self._received.append(_Received(until, session_id, "", 0))
            elif revocation.HasField("account"):
                told = revocation.account
                known = self._accounts.get(told.user_id)
                if known is None or told.version > known.version:
                    self._accounts[told.user_id] = _since(known, told)
                    self._received.append(_Received(until, "", told.user_id, told.version))
        self._forget()

    def _forget(self) -> None:
        """Drops what is about no token that could be left."""
        now = self._clock()
        while self._received and self._received[0].until <= now:
            until, session_id, user_id, version = self._received.popleft()
            if session_id:
                if self._sessions.get(session_id) == until:  # it was not told again
                    del self._sessions[session_id]
            elif (known := self._accounts.get(user_id)) and known.version == version:
                del self._accounts[user_id]

    def __len__(self) -> int:
        """How many sessions and accounts it holds."""
        return len(self._sessions) + len(self._accounts)


class UnrevokedTokens:
    """`Tokens`, of which those that have ended are refused as well."""

    def __init__(self, tokens: Tokens, revocations: Revocations) -> None:
        self._verify = tokens.verify
        self.follow = tokens.follow
        self._checked = revocations.checked

    def verify(self, token: str) -> Caller:
        """See `Tokens`. The role is the one that the account has now."""
        return self._checked(self._verify(token))


def show(
    revocations: Revocations,
    age_seconds: Callable[[], float],
    registry: CollectorRegistry = REGISTRY,
) -> None:
    """Lets operators see this process's copy, and how old it is."""
    entries, age = _gauges(registry)
    entries.set_function(lambda: len(revocations))
    age.set_function(age_seconds)


@cache
def _gauges(registry: CollectorRegistry) -> tuple[Gauge, Gauge]:
    """A registry takes them once."""
    return (
        Gauge(
            "revocations_entries",
            "Ended sessions and changed accounts that tokens are checked against.",
            registry=registry,
        ),
        Gauge(
            "revocations_age_seconds",
            "How long ago the feed of revocations was last heard; fresh calls wait from 5 on.",
            registry=registry,
        ),
    )


def _judged(caller: Caller, account: _Account) -> Caller:
    if account.role is None:
        raise errors.AccountInactive("the account was deleted or disabled")
    is_spared = caller.session_id == account.spared
    if caller.account_version < (account.spared_begun if is_spared else account.begun):
        raise errors.SessionEnded
    role = lesser(account.role, caller.role)
    return caller if role is caller.role else replace(caller, role=role)


def _since(known: _Account | None, told: Revocation.Account) -> _Account:
    """What is known of an account after one more entry."""
    role = _ROLES.get(told.role)
    if known is None:
        known = _Account(0, None, begun=0, spared="", spared_begun=0)
    if not told.ends_sessions:
        return known._replace(version=told.version, role=role)
    spared = told.spared_session_id
    was = known.spared_begun if spared == known.spared else known.begun
    return _Account(told.version, role, told.version, spared, was if spared else told.version)
