"""Calls over TLS from Node.js: whom the client believes, and what it shows."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.certificates import Authority, server_credentials
from tests.clients.fake_shop import open_shop
from tests.typescript import Calls, called

pytestmark = pytest.mark.timeout(240)  # the first one builds the client


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def outcome(package: Path, address: str, tls: Mapping[str, str] | None = None) -> str:
    """What became of a call: `answer`, or the name of its error."""
    options = {} if tls is None else {"tls": tls}
    calls: Any = [("user.updateUser", {}, {"timeoutMs": 5000})]
    [came] = await called(package, Calls(address, calls, options=options))
    return "answer" if "answer" in came else str(came["error"]["name"])


async def test_a_server_is_believed_by_the_authority_that_was_named(
    typescript: Path, authority: Authority
) -> None:
    trusting = {"ca": authority.file.read_text()}
    async with open_shop(server_credentials(authority.issue("localhost"))) as server:
        address = server.address.replace("127.0.0.1", "localhost")
        assert await outcome(typescript, address, trusting) == "answer"
        assert await outcome(typescript, f"https://{address}", trusting) == "answer"
        # By the system's authorities, and in plain text.
        assert await outcome(typescript, f"https://{address}") == "Unavailable"
        assert await outcome(typescript, address) == "Unavailable"
        assert len(server.served) == 2


async def test_a_server_of_another_name_is_not_believed(
    typescript: Path, authority: Authority
) -> None:
    trusting = {"ca": authority.file.read_text()}
    async with open_shop(server_credentials(authority.issue("elsewhere"))) as server:
        assert await outcome(typescript, server.address, trusting) == "Unavailable"


async def test_a_server_that_asks_for_a_certificate_gets_it(
    typescript: Path, authority: Authority
) -> None:
    mine = authority.issue("order")
    trusting = {"ca": authority.file.read_text()}
    both = {**trusting, "cert": mine.certificate.read_text(), "key": mine.key.read_text()}
    credentials = server_credentials(authority.issue("127.0.0.1"), authority.file)
    async with open_shop(credentials) as server:
        assert await outcome(typescript, server.address, both) == "answer"
        assert await outcome(typescript, server.address, trusting) == "Unavailable"
