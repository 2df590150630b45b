"""What the sandbox says that it has, as it is read."""

import threading
import uuid
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from server.order.neighbours.payments import Charge, ProviderSilent
from server.order.neighbours.sandbox import Sandbox, sandbox
from server.sandbox import http
from server.sandbox.books import Books
from server.sandbox.notices import Notices


@pytest_asyncio.fixture
async def provider(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Sandbox]:
    monkeypatch.setattr(http, "_LISTED_MAX", 2)
    books = Books(tmp_path / "sandbox.sqlite")
    with http.Sandbox(("127.0.0.1", 0), books, Notices(books, "", b"secret")) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        async with sandbox(f"http://127.0.0.1:{server.server_address[1]}", 5.0) as made:
            yield made
        server.shutdown()
        thread.join()


async def test_charges_are_read_over_the_ends_of_pages_and_one_by_one(provider: Sandbox) -> None:
    keys = sorted(str(uuid.uuid4()) for _ in range(5))
    for key in keys:
        await provider.charge(key, "tok_approved", Decimal("10.50"), "GBP", captures=False)
    await provider.capture(str(uuid.uuid4()), keys[0], Decimal("4.25"))
    await provider.refund(str(uuid.uuid4()), keys[0], Decimal("1.00"))
    charges = [each async for each in provider.charges()]
    assert [each.key for each in charges] == keys
    first = Charge(keys[0], "GBP", Decimal(0), Decimal("4.25"), Decimal("1.00"))
    second = Charge(keys[1], "GBP", Decimal("10.50"), Decimal(0), Decimal(0))
    assert charges[:2] == [first, second]
    assert not first.is_nothing
    assert not second.is_nothing
    asked = [keys[1], str(uuid.uuid4()), keys[0]]
    assert await provider.those(asked) == {keys[0]: first, keys[1]: second}


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500),
        httpx.Response(200, text="no"),
        httpx.Response(200, json={}),
        httpx.Response(200, json={"charges": [{"key": "k", "currency": "GBP", "held": "x"}]}),
    ],
)
async def test_what_is_no_list_of_charges_is_silence(answer: httpx.Response) -> None:
    transport = httpx.MockTransport(lambda _: answer)
    async with httpx.AsyncClient(transport=transport, base_url="http://provider") as client:
        with pytest.raises(ProviderSilent):
            [each async for each in Sandbox(client).charges()]
