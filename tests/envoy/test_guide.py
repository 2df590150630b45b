"""Every knob that envoy/GUIDE.md lists has the value that it says, wherever there is one."""

import copy
import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from server.local.engines.edge import Loader
from server.services import SERVICES
from tests.envoy.conftest import SOURCE

_ROW = re.compile(r"^\| `(?P<path>\S+)` \| (?P<value>.+?) \| (?P<why>.+) \|$", re.MULTILINE)
# The fields that the guide for edges names, but for its administration page, which ours has not.
OF_THE_GUIDE = {
    *("per_connection_buffer_limit_bytes", "use_remote_address", "normalize_path"),
    *("merge_slashes", "path_with_escaped_slashes_action", "idle_timeout"),
    *("headers_with_underscores_action", "max_concurrent_streams", "stream_idle_timeout"),
    *("initial_stream_window_size", "initial_connection_window_size", "request_timeout"),
    *("refresh_interval", "max_heap_size_bytes", "max_active_downstream_connections"),
}


@dataclass(frozen=True)
class Knob:
    """A row of the table."""

    path: str
    value: str  # as JSON, or `set`

    def __str__(self) -> str:
        return self.path


_TABLE = (SOURCE / "GUIDE.md").read_text()
KNOBS = [Knob(row["path"], row["value"]) for row in _ROW.finditer(_TABLE)]


def below(config: Any) -> dict[str, list[Any]]:
    """What the first word of a path stands for."""
    listeners = [each for each in config["static_resources"]["listeners"] if "address" in each]
    clusters = config["static_resources"]["clusters"]
    names = {service.name for service in SERVICES}
    http = [each["filter_chains"][0]["filters"][-1]["typed_config"] for each in listeners]
    return {
        "listener": listeners,
        "tcp": [each for each in listeners if "udp_listener_config" not in each],
        "quic": [each for each in listeners if "udp_listener_config" in each],
        "http": http,
        "shed": [
            one["typed_config"]
            for each in http
            for one in each["http_filters"]
            if one["name"].startswith("shed_")
        ],
        "cluster": [each for each in clusters if each["name"] in names],
        "overload": [config["overload_manager"]],
        "runtime": [config["layered_runtime"]["layers"][0]["static_layer"]],
    }


def found(config: Any, knob: Knob) -> Iterator[Any]:
    """The values there are; None for one that is missing."""
    first, *words = knob.path.split("/")
    for value in below(config)[first]:
        yield functools.reduce(_step, words, value)


def _step(value: Any, word: str) -> Any:
    if isinstance(value, list):
        named = [each for each in value if str(each.get("name", "")).endswith(f".{word}")]
        return named[0] if named else value[int(word)] if word.isdigit() else None
    if isinstance(value, dict):
        ends = [name for name in value if name == word or name.endswith(f".{word}")]
        return value[ends[0]] if ends else None
    return None


def is_kept(config: Any, knob: Knob) -> bool:
    values = [*found(config, knob)]
    if knob.value == "set":
        return all(value is not None for value in values)
    return bool(values) and all(value == json.loads(knob.value) for value in values)


@pytest.fixture(scope="module")
def config() -> Any:
    return yaml.load((SOURCE / "envoy.yaml").read_text(), Loader=Loader)


@pytest.mark.parametrize("knob", KNOBS, ids=str)
def test_a_knob_is_as_the_table_says(knob: Knob, config: Any) -> None:
    assert is_kept(config, knob), [*found(config, knob)]


@pytest.mark.parametrize("knob", KNOBS, ids=str)
def test_a_knob_that_is_removed_is_missed(knob: Knob, config: Any) -> None:
    without = copy.deepcopy(config)
    *parents, last = knob.path.split("/")
    for holder in found(without, Knob("/".join(parents), "set")):
        if holder:
            holder.pop(last, None)
    assert is_kept(without, knob) is (knob.value == "null")


def test_every_knob_of_the_guide_is_in_the_table() -> None:
    assert not OF_THE_GUIDE - {knob.path.rpartition("/")[2] for knob in KNOBS}


def test_every_action_of_the_overload_manager_is_in_the_table(config: Any) -> None:
    paths = " ".join(knob.path for knob in KNOBS)
    manager = config["overload_manager"]
    for part in ("resource_monitors", "actions", "loadshed_points"):
        for each in manager[part]:
            assert f"overload/{part}/{Path(each['name']).suffix[1:]}/" in paths
