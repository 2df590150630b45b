"""Nobody has more than a share, and nobody waits for what another has."""

import asyncio

import pytest

from server.kit.shares import Shares


async def until_idle() -> None:
    """Lets every task go as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


class Holder:
    """Takes one, and keeps it until it is told to let go."""

    def __init__(self, shares: Shares, name: str) -> None:
        self.has_it = False
        self._over = asyncio.Event()
        self.task = asyncio.create_task(self._hold(shares, name))

    async def _hold(self, shares: Shares, name: str) -> None:
        await shares.take(name)
        self.has_it = True
        try:
            await self._over.wait()
        finally:
            shares.give_back(name)

    async def let_go(self) -> None:
        self._over.set()
        await self.task
        await until_idle()


async def test_who_wants_more_waits_for_its_own_and_others_do_not() -> None:
    shares = Shares(2)
    greedy = [Holder(shares, "greedy") for _ in range(4)]
    modest = Holder(shares, "modest")
    await until_idle()
    assert [each.has_it for each in greedy] == [True, True, False, False]
    assert modest.has_it
    await greedy[0].let_go()
    assert [each.has_it for each in greedy] == [True, True, True, False]
    for each in (*greedy[1:], modest):
        await each.let_go()
    assert shares._held == {}
    assert shares._waiting == {}


@pytest.mark.parametrize("at_the_last_moment", [False, True])
async def test_who_gives_up_takes_nothing_along(at_the_last_moment: bool) -> None:
    shares = Shares(1)
    first = Holder(shares, "a")
    await until_idle()
    second, third = Holder(shares, "a"), Holder(shares, "a")
    await until_idle()
    if at_the_last_moment:
        first._over.set()
        await first.task  # the second has been given it, and does not know yet
    second.task.cancel()
    if not at_the_last_moment:
        await first.let_go()
    await until_idle()
    assert third.has_it
    await third.let_go()
    assert shares._held == {}


async def test_who_is_narrowed_has_one_at_a_time_until_all_is_given_back() -> None:
    shares = Shares(2)
    greedy = [Holder(shares, "greedy") for _ in range(4)]
    await until_idle()
    shares.narrow("greedy")
    await greedy[0].let_go()
    assert [each.has_it for each in greedy] == [True, True, False, False]
    for n in (1, 2):
        await greedy[n].let_go()
        assert [each.has_it for each in greedy[2:]] == [True, n == 2]
    await greedy[3].let_go()
    assert (shares._held, shares._waiting, shares._narrowed) == ({}, {}, set())
    again = [Holder(shares, "greedy") for _ in range(2)]
    await until_idle()
    assert [each.has_it for each in again] == [True, True]
    for each in again:
        await each.let_go()
