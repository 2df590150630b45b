"""Callers who are alike, each with things of their own that are alike: one for every door.

So a change is made by each door from the same state, and what comes of it can be compared: what
belongs to the twin is told by its stand-in, and what the call has made by its turn.
"""

import asyncio
import re
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import pyotp
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from emporium.user.v1 import auth_service_pb2 as auth_pb
from server.local.home import keys
from tests.access_oracle import Whose
from tests.e2e.access_scene import OBJECTS, Person, made
from tests.e2e.doors.outcomes import Outcome
from tests.e2e.doors.stand_ins import (
    ID,
    IDS,
    NEW,
    ORDER_NUMBER,
    OWN,
    filled,
    id_of,
    named,
)
from tests.e2e.extreme_scene import Scene
from tests.e2e.making import PASSWORD

SERVICE, NOBODY, FORGED = "SERVICE", "", "forged"
TOKEN_SECONDS = 7200
DAY_SECONDS = 86_400
OWNER = id_of("user_id", Whose.OWN)
NEAR_DAYS = 400  # further away a moment was sent, and is not of the server's clock


@dataclass
class Twin:
    """One of them. `role` is a person's, or one of the above."""

    scene: Scene
    role: str
    service: str  # whose token it is, of a `SERVICE`
    token: str | None = None
    _owner: Person | None = None
    _real: dict[str, str] = field(default_factory=dict)  # by stand-in
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def real(self, message: Message) -> Any:
        """The message with what is the twin's own in place of stand-ins."""
        async with self._making:
            await self._prepare()
            for word in sorted(named(message) - self._real.keys()):
                await self._make(word)
        return filled(message, self._real)

    async def owner(self) -> Person:
        """Whose what is `OWN` is: the caller, where that is a person."""
        if self._owner is None:
            is_person = self.role not in (SERVICE, NOBODY, FORGED)
            self._owner = await made(
                self.scene, self.role if is_person else "CUSTOMER", signs_in=True
            )
        return self._owner

    async def _prepare(self) -> None:
        if self.token is not None or self.role == NOBODY:
            return
        if self.role == SERVICE:
            self.token = self.scene.tokens[self.service]
        elif self.role == FORGED:
            self.token = "forged.for.nobody"
        else:
            owner = await self.owner()
            home = self.scene.cluster.home
            self.token = keys.token(home, owner.id, self.role, TOKEN_SECONDS)

    async def _make(self, word: str) -> None:
        owner = await self.owner()
        if word == NEW:
            self._real[word] = uuid.uuid4().hex
        elif word in IDS:
            name, whose = IDS[word]
            if whose is Whose.FOREIGN:
                owner = await made(self.scene, "CUSTOMER", signs_in=True)
                self._real[f"the e-mail of {word}"] = owner.email
            is_there = whose is not Whose.MISSING
            found = OBJECTS[name](self.scene, owner) if is_there else None
            self._real[word] = await found if found else str(uuid.uuid4())
        elif word == OWN["email"]:
            self._real[word] = owner.email
        elif word == OWN["secret"]:
            await self._make_key(owner)
        elif word == OWN["refresh_token"]:
            login = auth_pb.LoginRequest(email=owner.email, password=PASSWORD)
            self._real[word] = (await self.scene.call("Login", login)).refresh_token
        elif word == OWN["totp_code"]:
            begun = await self._as(owner, "/auth/totp", {"current_password": PASSWORD})
            self._real[word] = pyotp.TOTP(begun["secret"]).now()
        else:
            self._real[word] = str(uuid.uuid4())  # any id, which may become that of something

    async def _make_key(self, owner: Person) -> None:
        new = {"name": "A program", "scopes": ["orders.read"]}
        key = await self._as(owner, "/auth/api-keys", new)
        of_id = next(word for word, what in IDS.items() if what == ("api_key_id", Whose.OWN))
        self._real |= {of_id: key["id"], OWN["secret"]: key["secret"]}

    async def _as(self, owner: Person, path: str, body: Any) -> Any:
        token = keys.token(self.scene.cluster.home, owner.id, "CUSTOMER", TOKEN_SECONDS)
        headers = {"authorization": f"Bearer {token}"}
        return await self.scene.rest.data("POST", path, body, headers=headers)

    def told(self, outcome: Outcome) -> Any:
        """What came of the twin's call, as it would be told to every other."""
        stand_in = {real: word for word, real in self._real.items()}
        if self._owner:
            stand_in |= {self._owner.email: OWN["email"], self._owner.id: OWNER}
        known = [*map(re.escape, sorted(stand_in, key=len, reverse=True))]
        known += [ID.pattern, ORDER_NUMBER.pattern]
        words = re.compile("|".join(known))
        turns: dict[str, str] = {}

        def word(at: re.Match[str]) -> str:
            return stand_in.get(at[0]) or turns.setdefault(at[0], f"id {len(turns) + 1}")

        def text(value: str) -> str:
            return words.sub(word, value)

        if outcome.answer is not None:
            return _part(outcome.answer, text)
        violations = [(each[0], text(each[1])) for each in outcome.violations]
        return outcome.reason, text(outcome.message), violations, outcome.retry_after_seconds


# What changes without a call: a webhook that nobody takes anything of.
_BY_ITSELF = {"failing_since"}


def _part(message: Message, text: Any) -> Any:
    if isinstance(message, Timestamp):
        days = round((message.seconds - time.time()) / DAY_SECONDS)
        near = abs(days) < NEAR_DAYS
        return f"in {days} days" if near else (message.seconds, message.nanos)
    told: dict[str, Any] = {}
    for each, value in message.ListFields():
        if each.name in _BY_ITSELF:
            continue
        if each.GetOptions().debug_redact:
            told[each.name] = f"{len(value)} secret"
        elif each.message_type is not None and each.message_type.GetOptions().map_entry:
            told[each.name] = {text(key): str(one) for key, one in value.items()}
        elif each.is_repeated:
            told[each.name] = [_value(one, text) for one in value]
        else:
            told[each.name] = _value(value, text)
    return told


def _value(value: Any, text: Any) -> Any:
    if isinstance(value, Message):
        return _part(value, text)
    return text(value) if isinstance(value, str) else value
