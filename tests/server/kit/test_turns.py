"""Long work lets others run in between, and short work does not stop for anybody."""

import asyncio
import itertools

from server.kit.turns import TURN, give_way, in_turns, turns


class Others:
    """Another call, which counts its turns of the event loop."""

    def __init__(self) -> None:
        self.turns = 0

    async def run(self) -> None:
        while True:
            self.turns += 1
            await asyncio.sleep(0)


async def turns_during(things: list[int], weight: int) -> list[int]:
    """At which turn of the others each thing was converted."""
    others = Others()
    task = asyncio.create_task(others.run())
    await asyncio.sleep(0)

    def convert(thing: int) -> int:
        seen.append(thing)
        return others.turns

    seen: list[int] = []
    turns = await in_turns(things, convert, lambda thing: weight)
    task.cancel()
    assert seen == things
    return turns


async def test_no_turn_converts_more_than_its_share() -> None:
    turns = await turns_during([*range(10 * TURN)], weight=1)
    assert sorted(turns) == turns
    assert {turns.count(turn) for turn in turns} == {TURN}


async def test_what_is_heavy_counts_for_as_much() -> None:
    turns = await turns_during([*range(100)], weight=20)
    assert {turns.count(turn) for turn in turns} == {TURN // 20}


async def test_what_is_heavier_than_a_turn_has_one_to_itself() -> None:
    turns = await turns_during([1, 2, 3], weight=5 * TURN)
    assert len(set(turns)) == 3


async def test_a_short_list_is_one_turn() -> None:
    assert len(set(await turns_during([*range(TURN)], weight=1))) == 1


async def test_work_by_the_turn_lets_others_run_before_each_but_the_first() -> None:
    others = Others()
    task = asyncio.create_task(others.run())
    await asyncio.sleep(0)
    things = [*range(2 * TURN + 1)]
    seen = [(others.turns, some) async for some in turns(things)]
    task.cancel()
    assert [len(some) for _, some in seen] == [TURN, TURN, 1]
    assert [thing for _, some in seen for thing in some] == things
    assert len({turn for turn, _ in seen}) == len(seen)
    assert seen[0][0] == 1  # whose work begins waits for nobody


async def test_work_that_was_a_turn_gives_way_and_less_does_not() -> None:
    others = Others()
    task = asyncio.create_task(others.run())
    await asyncio.sleep(0)
    before = others.turns
    await give_way(TURN - 1)
    assert others.turns == before
    await give_way(TURN)
    assert others.turns > before
    task.cancel()


async def test_all_long_work_together_has_one_turn_at_a_time() -> None:
    others = Others()
    task = asyncio.create_task(others.run())
    began: list[int] = []

    def convert(thing: int) -> None:
        if thing % TURN == 0:
            began.append(others.turns)

    await asyncio.gather(*(in_turns(range(4 * TURN), convert) for _ in range(50)))
    task.cancel()
    gaps = [after - before for before, after in itertools.pairwise(began)]
    assert len(began) == 50 * 4
    assert min(gaps) >= 2


async def test_who_has_given_up_is_passed_over() -> None:
    gone, stays = (asyncio.create_task(give_way(TURN)) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait_for(stays, 5)
    assert gone.cancelled()
