"""How campaigns are found, chosen and judged."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from tests.bench.report import Row
from tests.campaign import __main__ as command
from tests.campaign import campaign
from tests.campaign.campaign import Setting, UnknownPart


class Made:
    """A campaign made in a test."""

    __doc__ = "Made."
    MINUTES = 1.0

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.seen: list[Setting] = []

    async def run(self, setting: Setting) -> list[Row]:
        self.seen.append(setting)
        return [*self.rows]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    """The only campaign that there is; its promises hold."""
    only = Made([Row(what="promised", met=True), Row(what="measured")])
    monkeypatch.setattr(command, "names", lambda: ["made"])
    monkeypatch.setattr(command, "named", lambda name: only)
    return only


def setting(seed: int = 1, only: Sequence[str] = ()) -> Setting:
    return Setting(seed, 1.0, only, Path("unused"), Console())


@pytest.mark.parametrize("name", campaign.names())
def test_a_campaign_says_what_it_is_and_how_long_it_takes(name: str) -> None:
    found = campaign.named(name)
    assert found.__doc__
    assert found.MINUTES > 0
    assert callable(found.run)


def test_what_holds_ends_well(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    command.main([])
    (seen,) = made.seen
    assert f"seed {seen.seed}" in capsys.readouterr().out
    assert not seen.folder.exists()


def test_a_promise_that_does_not_hold_ends_with_an_error_and_the_seed(made: Made) -> None:
    made.rows = [Row(what="promised", met=False)]
    with pytest.raises(SystemExit) as ended:
        command.main(["made", "--seed", "7"])
    assert "ARGS='made --seed 7'" in str(ended.value.code)


def test_a_campaign_that_takes_too_long_is_cut_off(
    made: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never(setting: Setting) -> list[Row]:
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr(made, "run", never)
    with pytest.raises(SystemExit) as ended:
        command.main(["made", "--minutes", "0.001"])
    assert "do not hold" in str(ended.value.code)


def test_a_name_that_no_campaign_has_is_refused(
    made: Made, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        command.main(["none"])
    assert "no campaign none; there are made" in capsys.readouterr().err


def test_the_same_seed_gives_the_same_chance_to_each_part() -> None:
    assert setting(1).random("a").random() == setting(1).random("a").random()
    assert setting(1).random("a").random() != setting(1).random("b").random()
    assert setting(1).random("a").random() != setting(2).random("a").random()


def test_parts_are_chosen_by_name() -> None:
    assert setting().chosen(["a", "b"]) == ["a", "b"]
    assert setting(only=["b"]).chosen(["a", "b"]) == ["b"]
    with pytest.raises(UnknownPart, match="no part c; there are a, b"):
        setting(only=["c"]).chosen(["a", "b"])
