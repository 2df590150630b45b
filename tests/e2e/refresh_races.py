"""Rounds of refreshes on two replicas that race, lose answers and die: what became of the tokens.

The promise: of one refresh token comes one next token at most, and of all that a session ever had,
one is alive at most.
"""

import asyncio
import random
from dataclasses import dataclass, field
from typing import Any

import grpc

from emporium.user.v1 import (
    auth_service_pb2,
    auth_service_pb2_grpc,
    session_service_pb2_grpc,
    user_service_pb2_grpc,
)
from emporium.user.v1 import session_service_pb2 as pb
from emporium.user.v1 import user_service_pb2 as user_pb
from tests.e2e.replicas import Replica
from tests.server.refusals import Refused

_TIMEOUT_SECONDS = 20.0
_LOST_SECONDS_MAX = 0.006  # a refresh takes some 3 ms
_STEPS_OF_A_SESSION = 4

GIVEN, REUSED, ENDED, LOST = "given", "REFRESH_TOKEN_REUSED", "SESSION_ENDED", "lost"


class Door:
    """One replica's rpcs."""

    def __init__(self, target: str) -> None:
        self.channel = grpc.aio.insecure_channel(
            target, [("grpc.use_local_subchannel_pool", 1), ("grpc.max_reconnect_backoff_ms", 100)]
        )
        self.sessions = session_service_pb2_grpc.SessionServiceStub(self.channel)
        self.auth = auth_service_pb2_grpc.AuthServiceStub(self.channel)
        self.users = user_service_pb2_grpc.UserServiceStub(self.channel)


@dataclass
class Session:
    """The tokens of a session, oldest first, and to what each was exchanged."""

    tokens: list[str]
    children: dict[str, set[str]] = field(default_factory=dict)
    is_ended: bool = False

    @property
    def newest(self) -> str:
        return self.tokens[-1]


@dataclass
class Races:
    """What two doors did to the sessions of one account; `faults` says what broke the promise."""

    cluster_door: Door
    replica_door: Door
    replica: Replica
    email: str
    password: str
    chance: random.Random
    rounds: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    @property
    def doors(self) -> list[Door]:
        both = [self.cluster_door, self.replica_door]
        self.chance.shuffle(both)
        return both

    async def run(self, count: int, kills: int) -> None:
        """So many rounds; at so many of them the replica is killed in the middle of a refresh."""
        kinds = [self.at_once, self.lost, self.reuse, self.use_and_reuse]
        deaths = set(self.chance.sample(range(count), min(kills, count)))
        session = await self.begun()
        for n in range(count):
            kind = self.killed if n in deaths else self.chance.choice(kinds)
            self.rounds[kind.__name__] = self.rounds.get(kind.__name__, 0) + 1
            await kind(session)
            if session.is_ended or len(session.tokens) > _STEPS_OF_A_SESSION:
                await self.judge(session)
                session = await self.begun()
        await self.judge(session)

    async def sign_up(self) -> None:
        """Opens the account."""
        new = user_pb.CreateUserRequest(email=self.email, full_name="Ann", password=self.password)
        await self.replica_door.users.CreateUser(new, timeout=_TIMEOUT_SECONDS)

    async def begun(self) -> Session:
        login = auth_service_pb2.LoginRequest(email=self.email, password=self.password)
        answer = await self.replica_door.auth.Login(
            login, timeout=_TIMEOUT_SECONDS, wait_for_ready=True
        )
        return Session([answer.refresh_token])

    async def at_once(self, session: Session) -> None:
        """Two uses at the same instant."""
        token = session.newest
        found = await asyncio.gather(*(self.use(session, door, token) for door in self.doors))
        self.expect(found == [GIVEN, GIVEN], f"two uses at once: {found}")

    async def lost(self, session: Session) -> None:
        """The answer is lost, and the call repeated elsewhere."""
        token = session.newest
        first, second = self.doors
        await self.use(session, first, token, self.chance.uniform(0, _LOST_SECONDS_MAX))
        found = await self.use(session, second, token)
        self.expect(found == GIVEN, f"a repeat: {found}")

    async def reuse(self, session: Session) -> None:
        """A use after the next token was used."""
        first, second = self.doors
        spent = session.newest
        found = [await self.use(session, door, session.newest) for door in (first, second)]
        found.append(await self.use(session, self.doors[0], spent))
        session.is_ended = True
        self.expect(found == [GIVEN, GIVEN, REUSED], f"a reuse: {found}")

    async def use_and_reuse(self, session: Session) -> None:
        """The next token and the one before at the same instant."""
        spent = session.newest
        await self.use(session, self.doors[0], spent)
        one, other = self.doors
        found = await asyncio.gather(
            self.use(session, one, session.newest), self.use(session, other, spent)
        )
        session.is_ended = REUSED in found
        allowed = [(GIVEN, GIVEN), (GIVEN, REUSED), (ENDED, REUSED)]
        self.expect(tuple(found) in allowed, f"a use and a reuse: {found}")

    async def killed(self, session: Session) -> None:
        """The replica dies in the middle; the other one is asked again."""
        token = session.newest
        dying = asyncio.create_task(self.use(session, self.replica_door, token))
        await asyncio.sleep(self.chance.uniform(0, _LOST_SECONDS_MAX))
        await self.replica.end()
        await dying
        found = await self.use(session, self.cluster_door, token)
        self.expect(found == GIVEN, f"a repeat after a death: {found}")
        await self.replica.start()

    async def use(
        self, session: Session, door: Door, token: str, seconds_max: float = _TIMEOUT_SECONDS
    ) -> str:
        """What came of it; a token that is given is noted."""
        request: Any = pb.RefreshRequest(refresh_token=token)
        try:
            answer = await door.sessions.Refresh(request, timeout=seconds_max)
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE):
                return LOST
            return Refused(error).reason
        session.children.setdefault(token, set()).add(answer.refresh_token)
        if answer.refresh_token not in session.tokens:
            session.tokens.append(answer.refresh_token)
        return GIVEN

    async def judge(self, session: Session) -> None:
        """Counts the tokens that are alive, by using each: the newest first, which spends it."""
        for token, children in session.children.items():
            self.expect(len(children) == 1, f"{len(children)} children of {token}")
        newest_first = list(reversed(session.tokens))
        alive = [
            token
            for token in newest_first
            if await self.use(session, self.doors[0], token) == GIVEN
        ]
        most = 0 if session.is_ended else 1
        self.expect(len(alive) <= most, f"{len(alive)} tokens alive, not {most}")

    def expect(self, holds: bool, what: str) -> None:
        if not holds:
            self.faults.append(what)
