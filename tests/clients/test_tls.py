"""Calls over TLS: whom the client believes, what it shows, and files that are replaced."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message

from emporium import DeadlineExceeded, Emporium, Product, Targets, Tls, Unavailable, tls
from tests.certificates import Authority, server_credentials
from tests.clients.fake_shop import open_shop

NOWHERE = "01900000-0000-7000-8000-000000000000"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture(autouse=True)
def _looks_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_LOOK_AGAIN_SECONDS", 0.0)


async def is_served(shop: Emporium, timeout_seconds: float = 5.0) -> bool:
    """Whether a call is answered; one that no connection can be made for is not."""
    try:
        await shop.products.get(NOWHERE, timeout_seconds=timeout_seconds)
    except (Unavailable, DeadlineExceeded):
        return False
    return True


async def test_a_server_is_believed_by_the_authority_that_was_named(authority: Authority) -> None:
    shown = authority.issue("localhost")
    async with open_shop(server_credentials(shown)) as server:
        address = server.address.replace("127.0.0.1", "localhost")
        async with Emporium(address, tls=Tls(ca_file=authority.file)) as shop:
            assert await is_served(shop)
        async with Emporium(f"https://{address}") as shop:  # by the system's authorities
            assert not await is_served(shop, 1.0)
        async with Emporium(address) as shop:  # in plain text
            assert not await is_served(shop, 1.0)


async def test_a_server_of_another_name_is_not_believed(authority: Authority) -> None:
    files = Tls(ca_file=authority.file)
    async with (
        open_shop(server_credentials(authority.issue("elsewhere"))) as server,
        Emporium(server.address, tls=files) as shop,
    ):
        assert not await is_served(shop, 1.0)


async def test_a_server_that_asks_for_a_certificate_gets_it(authority: Authority) -> None:
    credentials = server_credentials(authority.issue("127.0.0.1"), authority.file)
    mine = authority.issue("order")
    both = Tls(ca_file=authority.file, certificate_file=mine.certificate, key_file=mine.key)
    async with open_shop(credentials) as server:
        async with Emporium(server.address, tls=both) as shop:
            assert await is_served(shop)
        async with Emporium(server.address, tls=Tls(ca_file=authority.file)) as shop:
            assert not await is_served(shop, 1.0)


async def test_between_services_a_certificate_names_the_service_and_no_host(
    authority: Authority,
) -> None:
    named = Tls(ca_file=authority.file, by_service=True)
    async with open_shop(server_credentials(authority.issue("order"))) as server:
        where = Targets(user=server.address, order=server.address)
        async with Emporium(where, tls=named) as shop:
            assert await is_served(shop)
            with pytest.raises((Unavailable, DeadlineExceeded)):
                await shop.users.get(NOWHERE, timeout_seconds=1.0)


async def test_replaced_files_count_without_a_new_client_and_calls_under_way_go_on(
    authority: Authority, tmp_path: Path
) -> None:
    mine = authority.issue("order")
    files = Tls(ca_file=authority.file, certificate_file=mine.certificate, key_file=mine.key)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: Any, __: Any) -> Message:
        begun.set()
        await go_on.wait()
        return Product()

    old = server_credentials(authority.issue("127.0.0.1", file="server"), authority.file)
    async with open_shop(old) as server, Emporium(server.address, tls=files) as shop:
        assert await is_served(shop)
        channel: Any = shop.products._connection.channel
        before = channel.current()
        server.will("GetProduct", slow)
        under_way = asyncio.create_task(is_served(shop))
        await begun.wait()
        Authority(tmp_path)  # another, in the same file
        assert not await is_served(shop, 1.0), "the old server is not of the new authority"
        assert channel.current() is not before
        go_on.set()
        assert await under_way


async def test_half_of_a_replaced_pair_changes_nothing(
    authority: Authority, tmp_path: Path
) -> None:
    mine = authority.issue("order")
    files = Tls(ca_file=authority.file, certificate_file=mine.certificate, key_file=mine.key)
    credentials = server_credentials(authority.issue("127.0.0.1"), authority.file)
    async with open_shop(credentials) as server, Emporium(server.address, tls=files) as shop:
        assert await is_served(shop)
        key = mine.key.read_bytes()
        authority.issue("order")
        newer = mine.key.read_bytes()
        mine.key.write_bytes(key)
        assert await is_served(shop)
        mine.key.write_bytes(newer)
        assert await is_served(shop)


async def test_files_of_no_use_are_refused(authority: Authority, tmp_path: Path) -> None:
    mine, other = authority.issue("order"), authority.issue("user")
    with pytest.raises(ValueError, match="belong together"):
        Tls(certificate_file=mine.certificate)
    nonsense = tmp_path / "nonsense"
    nonsense.write_text("no certificate")
    for files in (
        Tls(ca_file=tmp_path / "nowhere"),
        Tls(ca_file=nonsense),
        Tls(certificate_file=mine.certificate, key_file=other.key),
    ):
        with pytest.raises(ValueError, match="a file cannot be used"):
            Emporium("localhost:1", tls=files)
    with pytest.raises(ValueError, match="exclude each other"):
        Emporium("localhost:1", tls=Tls(), credentials=grpc.ssl_channel_credentials())
