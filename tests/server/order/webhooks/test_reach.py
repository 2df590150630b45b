"""Nothing is posted into the shop's own network, however it is asked for."""

import asyncio
import ipaddress
from collections.abc import Sequence

import grpc
import pytest

from emporium.order.v1 import webhook_service_pb2 as pb
from server.kit import errors
from server.order.neighbours import receivers
from server.order.neighbours.receivers import GuardedNetwork, Receivers
from server.order.webhooks import rules
from tests.server.order.doors import Door
from tests.server.order.webhooks.conftest import PLACED, deliveries, ordered, subscribed
from tests.server.order.webhooks.receiver import Post, Receiver, http
from tests.server.refusals import refused
from tests.waiting import until

REFUSED = [
    *("0.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.1", "127.0.0.1", "127.255.255.254"),
    *("169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.192", "192.0.2.1"),
    *("192.168.1.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1"),
    *("239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16", "::", "::1"),
    *("::127.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "100::1", "2001::1", "2001:db8::1"),
    *("2002:7f00:1::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1", "ff02::1", "3fff::1"),
    "5f00::1",
]
TAKEN = ["1.1.1.1", "8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("address", REFUSED)
def test_an_address_that_is_not_public_is_refused_unless_it_is_allowed(address: str) -> None:
    found = ipaddress.ip_address(address)
    assert not rules.may_reach(found)
    mapped = getattr(found, "ipv4_mapped", None)
    allowed = rules.networks(str(mapped or found))
    assert rules.may_reach(found, allowed)


@pytest.mark.parametrize("address", TAKEN)
def test_a_public_address_is_taken(address: str) -> None:
    assert rules.may_reach(ipaddress.ip_address(address))


def test_what_is_allowed_is_that_network_alone() -> None:
    allowed = rules.networks("10.1.0.0/16 fd00::/8")
    assert rules.may_reach(ipaddress.ip_address("10.1.2.3"), allowed)
    assert rules.may_reach(ipaddress.ip_address("fd00::1"), allowed)
    assert not rules.may_reach(ipaddress.ip_address("10.2.0.1"), allowed)
    assert not rules.may_reach(ipaddress.ip_address("::1"), allowed)


class Names:
    """A name server whose answer changes with each question."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = [*answers]
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def only_public(address: receivers.Address) -> bool:
    return rules.may_reach(address)


async def posted(receiver: Receiver, network: GuardedNetwork, host: str) -> receivers.Answer:
    own = Receivers(network, timeout_seconds=2)
    try:
        url = f"http://{host}:{receiver.port}/hook"
        return await own.post("one", url, {}, b"{}")
    finally:
        await own.close()


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "0.0.0.0"],
)
async def test_no_way_to_write_loopback_leads_there(receiver: Receiver, host: str) -> None:
    answer = await posted(receiver, GuardedNetwork(only_public), host)
    assert (answer.status, receiver.connections) == (0, 0)
    # The control: without the guard each of them does.
    answer = await posted(receiver, GuardedNetwork(lambda _: True), host)
    assert (answer.status, receiver.connections) == (200, 1)


async def test_a_name_that_leads_elsewhere_once_it_was_judged_is_connected_to_as_judged(
    receiver: Receiver,
) -> None:
    """DNS that changes between check and connect: there is one question, and its answer is used."""
    judged: list[str] = []

    def judge(address: receivers.Address) -> bool:
        judged.append(str(address))
        return str(address) == "127.0.0.1"

    names = Names(["127.0.0.1"], ["127.0.0.2"])
    answer = await posted(receiver, GuardedNetwork(judge, names), "rebinding.example")
    assert (answer.status, names.asked, judged) == (200, 1, ["127.0.0.1"])
    # At the next connection it is judged again.
    answer = await posted(receiver, GuardedNetwork(judge, names), "rebinding.example")
    assert (answer.status, receiver.connections) == (0, 1)


async def test_a_name_that_leads_to_one_public_and_one_private_address_is_refused(
    receiver: Receiver,
) -> None:
    names = Names(["192.0.2.55", "127.0.0.1"])
    network = GuardedNetwork(lambda address: str(address) != "127.0.0.1", names)
    answer = await posted(receiver, network, "both.example")
    assert (answer.status, receiver.connections) == (0, 0)


async def test_a_redirect_to_loopback_is_a_failure_and_followed_by_nobody(
    admin: Door, receiver: Receiver
) -> None:
    async with Receiver() as inner:

        async def redirects(_: Post) -> bytes:
            return http(302, f"location: {inner.url}")

        receiver.answer = redirects
        webhook = await subscribed(admin, receiver)
        await ordered(admin)

        async def failed() -> bool:
            return any(each.error == "HTTP 302" for each in await deliveries(admin, webhook))

        await until(failed)
        assert inner.connections == 0


async def test_an_answer_without_an_end_is_not_read_to_it() -> None:
    parts = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal parts
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 10_000)
                parts += 1
                await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        receiver = Receiver(port=server.sockets[0].getsockname()[1])
        answer = await posted(receiver, GuardedNetwork(lambda _: True), "127.0.0.1")
    assert answer.status == 200
    assert parts < 2_000, "some megabytes of buffers at most"


async def test_an_answer_that_comes_too_late_is_none(receiver: Receiver) -> None:
    async def late(_: Post) -> bytes:
        await asyncio.sleep(3)
        return http(200)

    receiver.answer = late
    answer = await posted(receiver, GuardedNetwork(lambda _: True), "127.0.0.1")
    assert answer == receivers.Answer(0, "timeout")


@pytest.mark.parametrize(
    "url",
    [
        "https://10.0.0.1/hook",
        "https://[::1]/hook",
        "https://[::ffff:10.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://user:secret@partner.example/",
        "https://partner.example/#part",
        "https://partner.example:0/",
        "https://partner.example:99999/",
        "https://",
        "ftp://partner.example/",
        "https:///hook",
    ],
)
async def test_a_url_that_can_be_seen_to_lead_nowhere_is_refused_by_name(
    admin: Door, url: str
) -> None:
    request = pb.CreateWebhookRequest(url=url, event_types=[PLACED])
    error = await refused(admin("CreateWebhook", request))
    assert error.code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.fields == ["url"] if hasattr(error, "fields") else "url" in error.message


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://partner.example/hook", True),
        ("http://partner.example/hook", False),
        ("https://localhost/hook", False),
        ("https://127.0.0.1/hook", False),
    ],
)
def test_by_default_only_https_and_only_the_public(url: str, may: bool) -> None:
    if may:
        rules.check_url(url, (), http=False)
        return
    with pytest.raises(errors.Invalid):
        rules.check_url(url, (), http=False)
