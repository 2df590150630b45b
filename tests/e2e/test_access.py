"""Users x roles x objects x methods, on a real cluster, against the oracle: no difference.

What is another's answers as what is not there does, to the byte. Every rpc of the contract is
tried; one that names a new kind of object in its path needs a line in `access_scene.OBJECTS`.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from google.protobuf.descriptor import MethodDescriptor

from server.local.cluster import Cluster
from tests import access_oracle
from tests.access_oracle import CALLERS, Caller, Whose
from tests.asking import RPCS
from tests.campaign.http2 import Connection, connected
from tests.e2e.access_scene import OBJECTS, object_field, request, told
from tests.e2e.access_told import Told
from tests.e2e.extreme_requests import INTERNAL
from tests.e2e.extreme_scene import Scene, opened
from tests.effort import Effort

AT_ONCE = 8  # hashes of passwords that may wait on one caller's account
REFUSALS = {"UNAUTHENTICATED", "PERMISSION_DENIED", "ACCOUNT_INACTIVE"}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(cluster: Cluster) -> AsyncIterator[Scene]:
    async with opened(cluster) as made:
        yield made


def tried(rpc: MethodDescriptor) -> Iterator[tuple[Caller, list[Whose]]]:
    """By whom, and about whose: missing ones last, to be compared with."""
    for caller in CALLERS:
        if caller.role and access_oracle.believes_tokens_of_anyone(rpc):
            continue  # then all callers are alike
        owns = bool(caller.role) and not caller.is_service
        kinds = [Whose.OWN, Whose.FOREIGN] if owns else [Whose.FOREIGN]
        yield caller, [*(kinds if object_field(rpc) else []), Whose.MISSING]


def test_whatever_a_path_names_can_be_made() -> None:
    named = {object_field(rpc) for rpc in RPCS} - {""}
    assert named <= set(OBJECTS), "tests/e2e/access_scene.py has to know how to make it"


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("door", ["the service", "REST"])
async def test_every_call_answers_as_the_oracle_says(
    door: str, scene: Scene, effort: Effort
) -> None:
    by_rest = door == "REST"
    room = asyncio.Semaphore(AT_ONCE)
    rpcs = [rpc for rpc in RPCS if not (by_rest and rpc.name in INTERNAL)]
    ports = {rpc.full_name: _port(scene, rpc, by_rest=by_rest) for rpc in rpcs}
    # One for each port: what is long without a call the edge closes.
    connections = {port: await connected(port) for port in set(ports.values())}

    async def compared(rpc: MethodDescriptor, caller: Caller, kinds: list[Whose]) -> list[str]:
        async with room:
            connection = connections[ports[rpc.full_name]]
            answers = {
                whose: await _answer(scene, connection, rpc, caller, whose, by_rest=by_rest)
                for whose in kinds
            }
        return list(differences(rpc, caller, answers, by_rest=by_rest))

    asked = [(rpc, *who) for rpc in rpcs for who in tried(rpc)]
    # The edge has no rules of its own about roles: each run of the suite tries half of it.
    share = min(1.0, effort.factor / 2) if by_rest else 1.0
    chance = effort.random(f"access by {door}")
    asked = chance.sample(asked, round(len(asked) * share)) * effort.times(1)
    chance.shuffle(asked)
    found = await asyncio.gather(*(compared(*each) for each in asked))
    for connection in connections.values():
        connection.close()
    assert [line for lines in found for line in lines] == []


def _port(scene: Scene, rpc: MethodDescriptor, *, by_rest: bool) -> int:
    where = scene.cluster.record.grpc[rpc.full_name.split(".")[1]]
    if by_rest:
        where = scene.cluster.edge_url
    return int(where.rpartition(":")[2])


async def _answer(
    scene: Scene,
    connection: Connection,
    rpc: MethodDescriptor,
    caller: Caller,
    whose: Whose,
    *,
    by_rest: bool,
) -> Told:
    call = await request(scene, rpc, caller, whose, by_rest)
    return await told(connection, call)


def differences(
    rpc: MethodDescriptor, caller: Caller, answers: dict[Whose, Told], *, by_rest: bool
) -> Iterator[str]:
    """What of the answers to one caller is not as the oracle says."""
    if by_rest and caller.is_service:  # which no edge lets in, whatever it asks for
        yield from (
            f"{rpc.full_name}, {caller.name}: {each.outcome} {each.reason}"
            for each in answers.values()
            if (each.outcome, each.reason) != ("401", "INVALID_TOKEN")
        )
        return
    for whose, answer in answers.items():
        # What has become of an account has reached the others (`heard`), and the user service asks
        # its store where it matters, and goes by what it has heard elsewhere.
        moments = (False, True) if rpc.full_name.startswith("emporium.user.") else (True,)
        dues = {access_oracle.answer(rpc, caller, whose, is_heard=each) for each in moments}
        reach = {access_oracle.reaches(rpc, caller, whose, is_heard=each) for each in moments}
        is_right = answer.reason in dues or ("" in dues and answer.reason not in REFUSALS)
        if answer.reason not in dues - {""} and whose is not Whose.MISSING and None not in reach:
            is_right &= (not answer.is_not_found) in reach
        missing = answers[Whose.MISSING]
        both = whose is Whose.FOREIGN and answer.is_not_found and missing.is_not_found
        if both and answer.all_of_it != missing.all_of_it:
            yield f"{rpc.full_name}, {caller.name}: {whose.value} and missing differ"
        if not is_right:
            yield (
                f"{rpc.full_name}, {caller.name}, {whose.value}:"
                f" {answer.outcome} {answer.reason}, not {dues}"
            )
