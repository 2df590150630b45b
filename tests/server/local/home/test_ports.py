"""Ports: found, checked, planned."""

import socket
from collections.abc import Iterator

import pytest

from server.local.errors import LocalError
from server.local.home.plan import plan, process_names
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
    ports = [
        chosen.edge,
        chosen.admin,
        chosen.postgres,
        chosen.mongod,
        *chosen.grpc.values(),
        *chosen.metrics.values(),
        *chosen.own.values(),
    ]
    assert len(set(ports)) == len(ports) == 19
    assert not set(ports) & {service.port for service in SERVICES}


def test_an_edge_port_in_use_is_refused_before_anything_is_started(taken: int) -> None:
    with pytest.raises(LocalError, match="wanted for the edge"):
        plan(edge_port=taken)


@pytest.mark.parametrize(
    ("workers", "names"), [(1, ["order"]), (3, ["order-1", "order-2", "order-3"])]
)
def test_workers_are_numbered_when_there_are_several(workers: int, names: list[str]) -> None:
    assert process_names("order", workers) == names
