"""`emporium keys` on a home where nothing runs."""

from pathlib import Path

import pytest

from server.local.errors import LocalError
from server.local.home import keys
from server.local.home.folder import Home
from tests.server.cli.running import invoke


@pytest.fixture
def home(tmp_path: Path) -> str:
    keys.ensure(Home.at(tmp_path / "home"))
    return str(tmp_path / "home")


def test_keys_are_listed_with_what_they_do(home: str) -> None:
    for arguments in (("keys", "--home", home), ("keys", "list", "--home", home)):
        listed = invoke(*arguments)
        assert listed.output.splitlines() == [
            "service:analytics-1 signs",
            "service:order-1 signs",
            "service:user-1 signs",
            "user-1 signs",
        ]


def test_a_rotation_is_seen_in_the_list(home: str) -> None:
    announced = invoke("keys", "rotate", "user", "--announce-only", "--home", home)
    assert announced.output == "user-2 is announced\n", announced.output
    listed = invoke("keys", "--home", home).output.splitlines()
    assert "user-2 is announced; the next rotation goes on with it" in listed
    rotated = invoke("keys", "rotate", "user", "--home", home)
    assert rotated.output == "user-2 signs from now on\n"
    listed = invoke("keys", "--home", home).output.splitlines()
    assert "user-2 signs" in listed
    assert [line for line in listed if line.startswith("user-1 has signed, is taken until 20")]
    invoke("keys", "rotate", "--retire-after", "0", "--home", home)
    assert len(invoke("keys", "--home", home).output.splitlines()) == 4


def test_a_theft_of_one_key_leaves_the_others_in_overlap(home: str) -> None:
    def listed() -> set[str]:
        return {line.split()[0] for line in invoke("keys", "--home", home).output.splitlines()}

    invoke("keys", "rotate", "--home", home)
    both = listed()
    invoke("keys", "rotate", "user", "--retire-after", "0", "--home", home)
    assert both - listed() == {"user-1", "user-2"}


def test_a_key_that_there_is_not_is_named(home: str, tmp_path: Path) -> None:
    answer = invoke("keys", "rotate", "tea", "--home", home)
    assert isinstance(answer.exception, LocalError)
    assert "there is no key tea" in answer.exception.problem
    (tmp_path / "logs").mkdir()
    answer = invoke("keys", "--home", str(tmp_path))
    assert isinstance(answer.exception, LocalError)
    assert "there are no keys" in answer.exception.problem
