"""Ports: found, checked, kept, planned."""

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from server.local.errors import LocalError
from server.local.home.folder import Home
from server.local.home.plan import PortPlan, awaited, kept_plan, plan, process_names
from server.local.home.ports import (
    IPV4,
    IPV6,
    HeldByConnection,
    free_ports,
    has_ipv6,
    is_free,
    kept,
    require_free,
)
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


IP_LOCAL_PORT_RANGE = 51  # of Linux 6.3 and newer; the module `socket` has no name for it


def connected(port: int, server: socket.socket) -> socket.socket:
    """A connection to `server` for which Linux may choose that one port as the local end.

    It must be one of those that Linux gives to connections.
    """
    client = socket.socket()
    try:
        only = struct.pack("I", port << 16 | port)
        client.setsockopt(socket.IPPROTO_IP, IP_LOCAL_PORT_RANGE, only)
        client.connect(server.getsockname())
    except OSError:
        client.close()
        raise
    return client


def ephemeral() -> int:
    """A free port of those that Linux gives to connections."""
    with socket.socket() as probe:
        probe.bind((IPV4, 0))
        port: int = probe.getsockname()[1]
    return port


@contextmanager
def held_by_a_connection(port: int) -> Iterator[None]:
    """Until the block ends; then the port is free at once."""
    with socket.create_server((IPV4, 0)) as server, socket.socket() as client:
        client.bind((IPV4, port))
        client.connect(server.getsockname())
        accepted, _ = server.accept()
        with accepted:
            yield


def test_a_connection_that_holds_a_port_is_told_from_a_server_with_what_helps() -> None:
    (port,) = free_ports(1)
    said = rf"port {port}, wanted for tea, is in use as the local end of a connection by py"
    with held_by_a_connection(port), pytest.raises(HeldByConnection, match=said) as error:
        require_free(port, "tea", "Drink coffee.")
    assert f"ip_local_reserved_ports={port}" in error.value.remedy


def test_so_is_a_connection_that_has_just_ended() -> None:
    (port,) = free_ports(1)
    with socket.create_server((IPV4, 0)) as server:
        with socket.socket() as client:
            client.bind((IPV4, port))
            client.connect(server.getsockname())
            accepted, _ = server.accept()
        with accepted:  # whoever closes first keeps the port for a minute
            assert accepted.recv(1) == b""
    with pytest.raises(HeldByConnection, match=r"ended within the last minute \(TIME_WAIT\)"):
        require_free(port, "tea", "Drink coffee.")


async def test_a_connection_is_waited_for_and_a_server_is_not(tmp_path: Path, taken: int) -> None:
    home, said = Home.at(tmp_path), asyncio.Queue[str]()
    first = kept_plan(home, 0, 1, 0)
    with socket.create_server((IPV4, 0)) as server, socket.socket() as client:
        client.bind((IPV4, first.mongod))
        client.connect(server.getsockname())
        accepted, _ = server.accept()
        waiting = asyncio.create_task(awaited(lambda: kept_plan(home, None, 1, 0), said.put_nowait))
        assert "wanted for MongoDB, is in use as the local end" in await said.get()
        accepted.close()  # before the client does, which then keeps nothing
    assert await waiting == first
    assert said.empty()
    with pytest.raises(LocalError, match="wanted for the edge"):
        await awaited(lambda: plan(edge_port=taken), said.put_nowait)


async def test_it_is_waited_for_a_minute_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.local.home.plan.WAIT_SECONDS_MAX", 0.0)
    monkeypatch.setattr("server.local.home.plan.LOOK_SECONDS", 0.0)
    (port,) = free_ports(1)
    said: list[str] = []
    with held_by_a_connection(port), pytest.raises(HeldByConnection):
        await awaited(lambda: plan(edge_port=port), said.append)
    assert len(said) == 1


def test_no_connection_gets_a_port_that_is_kept_and_a_server_does() -> None:
    """The control: without it the same connection gets it."""
    port, other = ephemeral(), ephemeral()
    with socket.create_server((IPV4, 0)) as server:
        try:
            with connected(other, server) as chosen:
                assert chosen.getsockname()[1] == other
        except OSError as error:
            pytest.skip(f"this Linux chooses no port by request: {error}")
        with kept([port]):
            with pytest.raises(OSError, match="Cannot assign"):
                connected(port, server)
            for reuse_port in (False, True):  # which services with several processes use
                socket.create_server((IPV4, port), reuse_port=reuse_port).close()
            assert is_free(port)


def test_of_two_clusters_that_start_at_one_moment_none_takes_what_the_other_keeps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    few = free_ports(2)
    monkeypatch.setattr("random.SystemRandom.sample", lambda *_: few)
    with kept(few[:1]):
        assert free_ports(1) == few[1:]
    assert free_ports(1) == few[:1]


@pytest.mark.skipif(not has_ipv6(), reason="needs the address ::1")
def test_a_port_in_use_on_the_other_loopback_address_is_not_free() -> None:
    (port,) = free_ports(1)
    with socket.create_server((IPV6, port), family=socket.AF_INET6):
        assert not is_free(port)


def test_an_edge_port_of_ones_own_makes_every_other_port_a_free_one() -> None:
    chosen = plan(edge_port=0, workers=2)
    ports = ports_of(chosen)
    assert len(set(ports)) == len(ports) == 20
    assert not set(ports) & {service.port for service in SERVICES}


def ports_of(chosen: PortPlan) -> list[int]:
    return [
        *(chosen.edge, chosen.postgres, chosen.mongod),
        *chosen.grpc.values(),
        *chosen.metrics.values(),
        *chosen.own.values(),
        *chosen.limiters.values(),
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
    assert sorted(ports_of(chosen)) == [*range(base, base + 11)]
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
