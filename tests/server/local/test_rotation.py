"""Rotation by steps, and a command that dies after any of them."""

import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from server.kit import auth, errors
from server.kit.context import Role
from server.local import rotation
from server.local.errors import LocalError
from server.local.home import keys
from server.local.home.folder import Home, read_private
from server.local.home.integrity import damages
from server.services import ORDER, USER

NAMES = keys.names()
OVERLAP_SECONDS = 900


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home.at(tmp_path / "home")
    keys.ensure(made)
    return made


def published(home: Home) -> dict[str, Any]:
    return {key["kid"]: key for key in keys.public_keys(home)}


def signing(home: Home) -> set[str]:
    return {read_private(keys.file_of(name, home))["kid"] for name in NAMES}


def ids(number: int) -> set[str]:
    return {f"{name}-{number}" for name in NAMES}


def rotate(home: Home, after_seconds: float = 600, names: Sequence[str] = NAMES) -> None:
    rotation.announce(names, home)
    rotation.switch(names, home)
    rotation.retire(names, home, after_seconds, OVERLAP_SECONDS)


def require_tokens_taken(home: Home) -> None:
    """Whoever signs now is verified by what is published now."""
    verifier = auth.Verifier.from_file(keys.public_file(home))
    for name in NAMES:
        key = read_private(keys.file_of(name, home))
        is_service = name.startswith("service:")
        subject, role = (name, Role.SERVICE) if is_service else ("ann", Role.CUSTOMER)
        assert verifier.verify(auth.Signer(key, 60).sign(subject, role)).id == subject


def test_an_announced_key_is_published_and_does_not_sign(home: Home) -> None:
    rotation.announce(NAMES, home)
    assert signing(home) == ids(1)
    assert set(published(home)) == ids(1) | ids(2)
    assert not [key for key in published(home).values() if "d" in key or "exp" in key]
    for name in NAMES:
        assert rotation.next_file(name, home).stat().st_mode & 0o777 == 0o600
    require_tokens_taken(home)


def test_the_key_before_is_taken_for_as_long_as_its_tokens_live(home: Home) -> None:
    before = int(time.time())
    rotate(home)
    assert signing(home) == ids(2)
    known = published(home)
    assert set(known) == ids(1) | ids(2)
    assert all(before + 600 <= known[kid]["exp"] <= time.time() + 600 for kid in ids(1))
    assert not [kid for kid in ids(2) if "exp" in known[kid]]
    assert not list(home.keys.glob("*.next.json"))
    assert damages(home) == []
    require_tokens_taken(home)


@pytest.mark.parametrize("steps", range(1, 5))
def test_whoever_dies_in_between_lets_the_next_run_finish(
    home: Home, steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a private key; after the publication; after one switch; after all switches."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    if steps == 1:
        with monkeypatch.context() as patch:
            patch.setattr(rotation, "_publish", die)
            with pytest.raises(KeyboardInterrupt):
                rotation.announce(NAMES, home)
    else:
        rotation.announce(NAMES, home)
        rotation.switch({2: [], 3: NAMES[:1], 4: NAMES}[steps], home)
    require_tokens_taken(home)
    keys.ensure(home)  # a start in between
    rotate(home)
    require_tokens_taken(home)
    first, others = (3 if steps > 2 else 2), (3 if steps == 4 else 2)
    assert signing(home) == {f"user-{first}", *(f"{name}-{others}" for name in NAMES[1:])}
    assert {kid for kid, key in published(home).items() if "exp" not in key} == signing(home)


def test_what_has_ended_is_dropped_and_no_end_is_put_off(home: Home) -> None:
    rotate(home, 600)
    first = published(home)["user-1"]["exp"]
    rotate(home, 6_000)
    assert published(home)["user-1"]["exp"] == first
    rotate(home, 0)
    assert set(published(home)) == ids(4)


def test_a_theft_of_one_key_ends_no_other_that_an_earlier_run_has_left(home: Home) -> None:
    rotate(home, 600)
    before = published(home)
    rotate(home, 0, ["service:order"])
    left = published(home)
    assert {*before} - {*left} == {"service:order-1", "service:order-2"}
    assert {*left} - {*before} == {"service:order-3"}
    assert all(left[kid] == before[kid] for kid in before if kid in left)


def test_what_a_run_that_died_has_left_ends_when_its_tokens_have(home: Home) -> None:
    rotation.announce(NAMES, home)
    rotation.switch(NAMES, home)  # and dies
    before = int(time.time())
    rotate(home, 0, ["user"])
    left = published(home)
    assert {*left} == ids(1) - {"user-1"} | ids(2) - {"user-2"} | {"user-3"}
    for kid in ids(1) - {"user-1"}:
        assert before <= left[kid]["exp"] - OVERLAP_SECONDS <= time.time()
    assert {kid for kid, key in left.items() if "exp" not in key} == signing(home)


def test_ended_keys_are_withdrawn_and_no_others(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate(home, 600)
    rotation.announce(["user"], home)
    rotation.drop_ended(home)
    assert set(published(home)) == ids(1) | ids(2) | {"user-3"}
    later = time.time() + 601
    monkeypatch.setattr(time, "time", lambda: later)
    rotation.drop_ended(home)
    assert set(published(home)) == ids(2) | {"user-3"}
    assert "user-1" not in (home.keys / "identify.yaml").read_text()


def test_after_a_theft_nothing_of_the_key_before_is_taken(home: Home) -> None:
    stolen = auth.Signer(read_private(keys.file_of("user", home)), 600).sign("ann", Role.ADMIN)
    rotate(home, 0)
    with pytest.raises(errors.InvalidToken):
        auth.Verifier.from_file(keys.public_file(home)).verify(stolen)


def test_one_key_may_be_replaced_alone(home: Home) -> None:
    rotation.announce(["service:order"], home)
    rotation.switch(["service:order"], home)
    assert signing(home) == {"user-1", "service:user-1", "service:order-2", "service:analytics-1"}


def test_what_envoy_knows_changes_with_the_key_set(home: Home) -> None:
    rotation.announce(NAMES, home)
    for name in ("identify", "require_token"):
        assert "user-2" in (home.keys / f"{name}.yaml").read_text()
    rotate(home, 0)
    for name in ("identify", "require_token"):
        assert "user-1" not in (home.keys / f"{name}.yaml").read_text()


def test_two_rotations_keep_out_of_each_others_way(home: Home) -> None:
    with rotation.alone(home), pytest.raises(LocalError, match="already"), rotation.alone(home):
        pass


def test_a_home_that_lacks_keys_is_named(tmp_path: Path) -> None:
    nowhere = Home.at(tmp_path)
    with pytest.raises(LocalError, match="does not have every key"), rotation.alone(nowhere):
        pass


def test_nobody_waits_for_the_edge_to_take_what_vouches_for_a_service(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "TAKEN_TIMEOUT_SECONDS", 0.0)
    rotation.until_taken(rotation.announce([USER.own_key, ORDER.own_key], home), 1)


def test_an_edge_that_never_takes_the_key_is_told_and_nothing_is_switched(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "TAKEN_TIMEOUT_SECONDS", 0.0)
    announced = rotation.announce(["user"], home)
    with pytest.raises(LocalError, match="did not take user-2"):
        rotation.until_taken(announced, 1)
    assert json.loads(keys.file_of("user", home).read_text())["kid"] == "user-1"
