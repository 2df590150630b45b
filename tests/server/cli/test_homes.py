"""Every command that reads a home says so where there is none, and makes none."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from server.cli.command_line import app
from server.local.errors import LocalError
from tests.server.cli.running import invoke

# Commands that make a home, or see to it that there is none; and what one has to give the others.
MAKING = {"up", "migrate", "doctor"}
REMOVING = {"down", "reset"}
ID = "0190b0a0-0000-7000-8000-00000000dead"
ARGUMENTS = {
    "dead-letters skip": ("user", ID),
    "erasure": (ID,),
    "import": (__file__,),
    "import orders": (__file__,),
    "import products": (__file__,),
    "orders cancel": (ID,),
    "orders show": (ID,),
    "payments capture": (ID,),
    "payments list": (ID,),
    "payments refund": (ID,),
    "payments void": (ID,),
    "products add": ("MUG-PLAIN", "Mug", "2.55"),
    "products set": ("MUG-PLAIN",),
    "products show": ("MUG-PLAIN",),
    "webhooks add": ("https://partner.example",),
    "webhooks deliveries": (ID,),
    "webhooks ping": (ID,),
    "shipments list": (ID,),
    "shipments send": (ID,),
    "shipments track": (ID, "in_transit"),
    "stock show": ("MUG-PLAIN",),
    "stock adjust": ("MUG-PLAIN", "--by", "1", "--reason", "lost"),
    "admin create": ("--email", "a@example.com", "--name", "Ada"),
    "admin remove-totp": ("--email", "a@example.com"),
}


def commands(group: Any, name: str = "") -> Iterator[str]:
    """Each command that takes a home, of those that typer has made."""
    if any(each.name == "home" for each in group.params):
        yield name
    for each, command in getattr(group, "commands", {}).items():
        yield from commands(command, f"{name} {each}".strip())


KNOWN = sorted(commands(typer.main.get_command(app)))


def test_the_commands_are_found() -> None:
    assert MAKING | REMOVING | {"mail", "mail show", "keys rotate", "audit", "status"} <= {*KNOWN}


@pytest.mark.parametrize("name", [each for each in KNOWN if each not in MAKING | REMOVING])
def test_a_home_that_is_none_is_named_and_not_made(name: str, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    ran = invoke(*name.split(), *ARGUMENTS.get(name, ()), "--home", str(nowhere))
    assert isinstance(ran.exception, LocalError), ran.output
    assert ran.exception.problem == f"there is no home in {nowhere}"
    assert "--home" in ran.exception.remedy
    assert not nowhere.exists()


@pytest.mark.parametrize("name", sorted(REMOVING))
def test_what_ends_or_removes_a_home_finds_its_work_done(name: str, tmp_path: Path) -> None:
    ran = invoke(name, "--home", str(tmp_path / "nowhere"))
    assert ran.exit_code == 0
    assert "there is no home" in ran.output.lower()
    assert str(tmp_path) in ran.output
