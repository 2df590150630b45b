"""docs/events.md has every event of the contract, and what each holds."""

from pathlib import Path

import pytest

from server.contract import events
from server.contract import image as images


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    (made,) = events.generate(images.build(), tmp_path_factory.mktemp("made"))
    return made.read_text()


def test_every_event_has_its_place(page: str) -> None:
    named = [
        message.name
        for file in images.build().file
        if file.name.endswith("/events.proto")
        for message in file.message_type
    ]
    assert len(named) > 20
    assert [name for name in named if f"\n## {name}\n" not in page] == []


def test_a_place_has_the_fields_and_the_page_what_they_hold(page: str) -> None:
    place = page.partition("\n## OrderCancelled\n")[2].partition("\n## ")[0]
    assert "| `cause` | `OrderCancelled.Cause` | What has cancelled it. |" in place
    cause = page.partition("\n## OrderCancelled.Cause\n")[2].partition("\n## ")[0]
    assert "| `EXPIRED` | It was not paid in time. |" in cause
    assert "An order begins with OrderPlaced, version 1." in page


def test_nothing_else_is_taken_for_it(tmp_path: Path) -> None:
    assert [*events.owned(tmp_path)] == []
    made = tmp_path / events.PATH
    made.parent.mkdir()
    made.write_text("")
    assert [*events.owned(tmp_path)] == [made]
