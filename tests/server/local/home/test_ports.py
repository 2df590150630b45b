"""Ports: found, checked, planned."""

import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from server.local.errors import LocalError
from server.local.home.folder import Home
from server.local.home.plan import PortPlan, kept_plan, plan, process_names
from server.local.home.ports import IPV6, free_ports, has_ipv6, is_free, require_free
from server.services import SERVICES


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", free_ports(1)[0])) as server:
        yield server.getsockname()[1]


def test_free_ports_differ_and_avoid_what_they_are_told_to() -> None:
    ports = free_ports(50, avoid=frozenset({20_000}))
    assert len(set(ports)) == 50
    assert 20_000 not in ports


def test_a_port_in_use_is_reported_with_its_purpose_its_holder_and_the_remedy(taken: int) -> None:
    assert not is_free(taken)
    with pytest.raises(LocalError, match=rf"port {taken}, wanted for tea, is in use by py"):
        require_free(taken, "tea", "Drink coffee.")


@pytest.mark.skipif(not has_ipv6(), reason="needs the address ::1")
def test_a_port_in_use_on_the_other_loopback_address_is_not_free() -> None:
    (port,) = free_ports(1)
    with socket.create_server((IPV6, port), family=socket.AF_INET6):
        assert not is_free(port)


def test_an_edge_port_of_ones_own_makes_every_other_port_a_free_one() -> None:
    chosen = plan(edge_port=0, workers=2)
    ports = ports_of(chosen)
    assert len(set(ports)) == len(ports) == 18
    assert not set(ports) & {service.port for service in SERVICES}


def ports_of(chosen: PortPlan) -> list[int]:
    return [
        *(chosen.edge, chosen.postgres, chosen.mongod),
        *chosen.grpc.values(),
        *chosen.metrics.values(),
        *chosen.own.values(),
    ]


def test_a_home_keeps_its_ports_from_start_to_start(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    first = kept_plan(home, 0, 2, 0)
    assert kept_plan(home, 0, 2, 0) == first
    assert kept_plan(home, None, 2, 0) == first
    (other,) = free_ports(1, frozenset(ports_of(first)))
    moved = kept_plan(home, other, 2, 0)
    assert moved == replace(first, edge=other), "another edge port moves nothing else"
    single = kept_plan(home, None, 1, 0)
    assert (single.grpc, single.postgres, single.edge) == (first.grpc, first.postgres, other)
    assert kept_plan(home, None, 2, 0) == moved


def test_a_kept_port_in_use_is_refused_or_replaced_when_any_will_do(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    first = kept_plan(home, 0, 1, 0)
    with socket.create_server(("127.0.0.1", first.mongod)):
        with pytest.raises(LocalError, match=f"port {first.mongod}, wanted for MongoDB"):
            kept_plan(home, None, 1, 0)
        second = kept_plan(home, 0, 1, 0)
    assert second.mongod != first.mongod
    assert replace(second, mongod=first.mongod) == first
    assert kept_plan(home, None, 1, 0) == second


def test_an_edge_port_that_another_part_has_moves_that_part(tmp_path: Path) -> None:
    home = Home.at(tmp_path)
    first = kept_plan(home, 0, 1, 0)
    second = kept_plan(home, first.postgres, 1, 0)
    assert second.edge == first.postgres
    assert len(set(ports_of(second))) == len(ports_of(second))


def test_a_base_gives_consecutive_ports(tmp_path: Path) -> None:
    home, base = Home.at(tmp_path), 31_100
    chosen = kept_plan(home, None, 1, base)
    assert sorted(ports_of(chosen)) == [*range(base, base + 9)]
    assert chosen.edge == base
    assert kept_plan(home, None, 1, 0) == chosen
    with pytest.raises(LocalError, match="leaves no room"):
        plan(None, port_base=65_530)


def test_an_edge_port_in_use_is_refused_before_anything_is_started(taken: int) -> None:
    with pytest.raises(LocalError, match="wanted for the edge"):
        plan(edge_port=taken)


@pytest.mark.parametrize(
    ("workers", "names"), [(1, ["order"]), (3, ["order-1", "order-2", "order-3"])]
)
def test_workers_are_numbered_when_there_are_several(workers: int, names: list[str]) -> None:
    assert process_names("order", workers) == names
