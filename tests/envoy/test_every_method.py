"""Nobody gets to a handler of any rpc, by any door, with a token that is not good.

The rpcs are those of the contract, so a new one is tried from its first day. Every call but its
token is good: each is first made with a good token, and then its handler is entered.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.descriptor import MethodDescriptor

from server.kit import auth
from server.kit.auth import verification
from server.local.home import keys
from tests import asking
from tests.access_oracle import Caller, Whose, service_for
from tests.access_oracle import answer as due
from tests.asking import RPCS
from tests.campaign.http2 import Request
from tests.e2e.extreme_requests import INTERNAL
from tests.effort import Effort
from tests.envoy import broken_tokens
from tests.envoy.conftest import signed
from tests.envoy.guarded_edge import BELIEVED, DOORS, KEYS, SERVICE_KEYS, Doors, opened
from tests.envoy.odd_paths import spellings
from tests.server.kit.guarded import guarded

CHANGES = 150  # by each door
# What a service or the edge says to a token that it has read, and to one that is too large to.
REFUSED = {"grpc 16", "401"}
TOO_LARGE = {"grpc 8", "431"}
NO_DOOR = {"grpc 12"}  # of what is for services alone


@dataclass(frozen=True)
class Way:
    """One rpc by one door."""

    rpc: MethodDescriptor
    door: str
    request: Request

    def __str__(self) -> str:
        return f"{self.rpc.full_name} by {self.door} ({self.request.verb} {self.request.path})"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def doors(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Doors]:
    async with opened(tmp_path_factory.mktemp("edge")) as made:
        yield made


def ways(rpcs: Iterable[MethodDescriptor] = RPCS) -> Iterator[Way]:
    for rpc in rpcs:
        message = asking.good(rpc)
        by_grpc = asking.by_grpc(rpc, message)
        yield Way(rpc, "the service", by_grpc)
        yield Way(rpc, "the edge", by_grpc)
        for by_rest in asking.by_rest(rpc, message):
            yield Way(rpc, "REST", by_rest)


def good_token(rpc: MethodDescriptor) -> str:
    """Of somebody who may call it, whatever it is about."""
    if rpc.name in INTERNAL:
        name = service_for(rpc)
        return signed(dict(SERVICE_KEYS[name]), sub=f"service:{name}", role="SERVICE")
    return signed(role="ADMIN")


def is_offered(way: Way) -> bool:
    return way.door != "the edge" or way.rpc.name not in INTERNAL


def is_public(rpc: MethodDescriptor) -> bool:
    return not due(rpc, Caller("nobody"), Whose.MISSING)


async def test_the_calls_are_good_but_for_their_tokens(doors: Doors) -> None:
    for door in DOORS:
        of_door = [way for way in ways() if way.door == door and is_offered(way)]
        doors.inside.entered.clear()
        sent = [
            asking.with_header(way.request, "authorization", f"Bearer {good_token(way.rpc)}")
            for way in of_door
        ]
        outcomes = await doors.outcomes(door, sent)
        wanted = Counter(way.rpc.full_name for way in of_door)
        assert doors.inside.entered == wanted, list(zip(map(str, of_door), outcomes, strict=True))


@pytest.mark.parametrize("door", DOORS)
async def test_no_handler_is_entered_with_a_broken_token(door: str, doors: Doors) -> None:
    assert await let_through(doors, door) == []


async def let_through(
    doors: Doors, door: str, rpcs: Iterable[MethodDescriptor] = RPCS
) -> list[str]:
    """Every call with a bad token that was not refused as it has to be, or entered a handler."""
    broken = broken_tokens.bearers(KEYS)
    if door != "the service":
        broken |= broken_tokens.too_large_for_the_edge(KEYS)
        broken |= broken_tokens.of_services(SERVICE_KEYS)
    strange = broken_tokens.strangers(KEYS)
    tried = [
        (way, name, value)
        for way in ways(rpcs)
        if way.door == door
        for name, value in (broken if is_public(way.rpc) else broken | strange).items()
    ]
    doors.inside.entered.clear()
    outcomes = await doors.outcomes(
        door, (asking.with_header(way.request, "authorization", value) for way, _, value in tried)
    )
    wrong = [
        f"{way} with a token: {name}: {outcome}"
        for (way, name, _), outcome in zip(tried, outcomes, strict=True)
        if outcome not in _expected(way, name)
    ]
    return [*wrong, *(f"entered: {rpc} {n} times" for rpc, n in doors.inside.entered.items())]


def _expected(way: Way, name: str) -> set[str]:
    allowed = REFUSED | (TOO_LARGE if name.endswith("KB") else set())
    return allowed if is_offered(way) else allowed | NO_DOOR


@pytest.mark.parametrize("who", ["nobody", "a customer"])
async def test_no_spelling_of_a_path_is_a_way_around_the_rules(who: str, doors: Doors) -> None:
    caller = Caller(who, "CUSTOMER" if who == "a customer" else "", "CUSTOMER")
    token = f"Bearer {signed()}" if caller.role else None
    may = {rpc.full_name for rpc in RPCS if not due(rpc, caller, Whose.FOREIGN)}
    doors.inside.entered.clear()
    for door in ("the edge", "REST"):
        sent = [
            asking.with_header(asking.at(way.request, path), "authorization", token)
            for way in ways()
            if way.door == door
            for path in spellings(way.request.path).values()
        ]
        await doors.outcomes(door, sent)
    assert set(doors.inside.entered) <= may


async def test_no_chance_change_of_a_token_or_a_path_gets_through(
    doors: Doors, effort: Effort
) -> None:
    chance = effort.random("every method")
    everywhere = list(ways())
    doors.inside.entered.clear()
    for door in DOORS:
        of_door = [way for way in everywhere if way.door == door]
        some = [chance.choice(of_door) for _ in range(effort.times(CHANGES))]
        token = broken_tokens.good(KEYS)
        sent = [
            asking.with_header(
                way.request, "authorization", f"Bearer {broken_tokens.changed(token, chance)}"
            )
            for way in some
        ]
        outcomes = await doors.outcomes(door, sent)
        assert set(outcomes) <= REFUSED | NO_DOOR
        # Of the service the path is the rpc's name, and nothing reads it but the engine.
        odd = (asking.at(way.request, twice_odd(way.request.path, chance)) for way in some)
        await doors.outcomes(door, odd)
    may = {rpc.full_name for rpc in RPCS if is_public(rpc)}
    assert set(doors.inside.entered) <= may


def twice_odd(path: str, chance: Random) -> str:
    for _ in range(2):
        path = chance.choice([*spellings(path).values()])
    return path


# The controls: each defence switched off, and the proof above has to say so.
DEFENCES: dict[str, tuple[str, Any, str]] = {
    "whom a token is for": ("_READ", verification._READ | {"verify_aud": False}, "another API"),
    "who issued it": ("_READ", verification._READ | {"verify_iss": False}, "another issuer"),
    "its kind": ("TYPE", "JWT", "another kind"),
    "its times": ("_check_times", lambda claims: None, "of tomorrow"),
    "whose key": ("_check_authority", lambda kid, subject, role: None, "an admin by a service"),
}


@pytest.mark.parametrize("name", DEFENCES)
async def test_the_proof_sees_a_verifier_that_skips(
    name: str, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    what, instead, tells = DEFENCES[name]
    monkeypatch.setattr(verification, what, instead)
    async with guarded(auth.Verifier(BELIEVED)) as careless:
        found = await let_through(Doors(doors.edge, careless), "the service", RPCS[:3])
    assert [line for line in found if tells in line]
    assert [line for line in found if line.startswith("entered")]


async def test_the_proof_sees_an_edge_that_takes_tokens_of_services(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "is_for_people", lambda key: True)
    async with opened(tmp_path) as careless:
        found = await let_through(careless, "REST", RPCS[:3])
    for name in SERVICE_KEYS:
        assert [line for line in found if f"of the {name} service" in line]
