"""What `emporium up` is asked for reaches the cluster."""

import importlib
from pathlib import Path

import pytest

from server.local.options import ClusterOptions
from tests.server.cli.running import invoke


def test_the_origins_reach_the_cluster_by_option_and_by_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ClusterOptions] = []
    up = importlib.import_module("server.cli.up")  # its package holds a function of that name
    monkeypatch.setattr(up, "become_supervisor", asked.append)
    origins = ("http://a.example", "http://b.example:81")
    words = [word for origin in origins for word in ("--cors-origin", origin)]
    assert invoke("up", "--home", str(tmp_path), *words).exit_code == 0
    monkeypatch.setenv("CORS_ORIGINS", " ".join(origins))
    assert invoke("up", "--home", str(tmp_path)).exit_code == 0
    assert [options.cors_origins for options in asked] == [origins, origins]


def test_what_stands_in_front_and_its_memory_reach_the_edge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[ClusterOptions] = []
    up = importlib.import_module("server.cli.up")  # its package holds a function of that name
    monkeypatch.setattr(up, "become_supervisor", asked.append)
    words = ("up", "--home", str(tmp_path))
    assert invoke(*words, "--trusted-hops", "1", "--edge-heap", "300").exit_code == 0
    monkeypatch.setenv("EDGE_TRUSTED_HOPS", "1")
    monkeypatch.setenv("EDGE_HEAP_MB", "300")
    assert invoke(*words).exit_code == 0
    assert [(each.trusted_hops, each.edge_heap_mb) for each in asked] == [(1, 300), (1, 300)]
    assert invoke(*words, "--edge-heap", "10").exit_code == 2


def test_the_limits_reach_the_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ClusterOptions] = []
    up = importlib.import_module("server.cli.up")  # its package holds a function of that name
    monkeypatch.setattr(up, "become_supervisor", asked.append)
    limits = ("--rate-limit", "7", "--login-limit", "3", "--token-limit", "5")
    assert invoke("up", "--home", str(tmp_path), *limits).exit_code == 0
    assert (asked[0].rate_limit_per_minute, asked[0].login_limit_per_minute) == (7, 3)
    assert asked[0].token_limit_per_minute == 5
