"""The sandbox: a payment provider of our own that moves no money (`server/sandbox/`), by HTTP."""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from decimal import Decimal, InvalidOperation
from typing import Any

import httpx

from server.order.neighbours.payments import Answer, Charge, ProviderSilent

_STATES = {"DONE": (True, True), "REFUSED": (False, True), "PROCESSING": (False, False)}


class Sandbox:
    """`PaymentProvider` and `ProviderBooks`, through `client`."""

    name = "sandbox"

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def charge(
        self, key: str, token: str, amount: Decimal, currency: str, *, captures: bool
    ) -> Answer:
        asked = {"token": token, "amount": f"{amount:f}", "currency": currency}
        return await self._put(f"/v1/charges/{key}", {**asked, "capture": captures})

    async def capture(self, key: str, charge: str, amount: Decimal) -> Answer:
        return await self._put(f"/v1/charges/{charge}/captures/{key}", {"amount": f"{amount:f}"})

    async def void(self, key: str, charge: str) -> Answer:
        return await self._put(f"/v1/charges/{charge}/voids/{key}", {})

    async def refund(self, key: str, charge: str, amount: Decimal) -> Answer:
        return await self._put(f"/v1/charges/{charge}/refunds/{key}", {"amount": f"{amount:f}"})

    async def find(self, key: str) -> Answer | None:
        answer = await self._sent("GET", f"/v1/operations/{key}", None)
        return None if answer.status_code == httpx.codes.NOT_FOUND else _read(answer)

    async def abandon(self, key: str) -> Answer:
        return await self._put(f"/v1/abandoned/{key}", {})

    async def charges(self) -> AsyncIterator[Charge]:
        after = ""
        while page := await self._listed(f"?after={after}" if after else ""):
            for each in page:
                yield each
            after = page[-1].key

    async def those(self, keys: Collection[str]) -> Mapping[str, Charge]:
        found = {}
        for key in keys:
            answer = await self._sent("GET", f"/v1/charges/{key}", None)
            if answer.status_code != httpx.codes.NOT_FOUND:
                found[key] = _charge(_body(answer))
        return found

    async def _listed(self, asked: str) -> list[Charge]:
        body = _body(await self._sent("GET", f"/v1/charges{asked}", None))
        try:
            return [_charge(each) for each in body["charges"]]
        except (KeyError, TypeError) as error:
            raise ProviderSilent("a list that is none") from error

    async def _put(self, path: str, body: Any) -> Answer:
        return _read(await self._sent("PUT", path, body))

    async def _sent(self, method: str, path: str, body: Any) -> httpx.Response:
        try:
            return await self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            # Its text may hold what was sent.
            raise ProviderSilent(type(error).__name__) from None


def _body(answer: httpx.Response) -> Any:
    if answer.status_code != httpx.codes.OK:
        raise ProviderSilent(f"HTTP {answer.status_code}")
    try:
        return answer.json()
    except ValueError as error:
        raise ProviderSilent("an answer that is none") from error


def _read(answer: httpx.Response) -> Answer:
    told = _body(answer)
    try:
        is_done, is_over = _STATES[told["state"]]
        return Answer(is_done, is_over, str(told.get("reason", ""))[:100])
    except (KeyError, TypeError) as error:
        raise ProviderSilent("an answer that is none") from error


def _charge(told: Any) -> Charge:
    try:
        held, captured, refunded = (
            Decimal(told[name]) for name in ("held", "captured", "refunded")
        )
        return Charge(str(told["key"]), str(told["currency"]), held, captured, refunded)
    except (KeyError, TypeError, InvalidOperation) as error:
        raise ProviderSilent("a charge that is none") from error


@asynccontextmanager
async def sandbox(url: str, timeout_seconds: float) -> AsyncIterator[Sandbox]:
    """The provider at `url`, while the block runs; it has so long for an answer."""
    # Not what the environment says of proxies: only `server/settings` reads that.
    async with httpx.AsyncClient(base_url=url, timeout=timeout_seconds, trust_env=False) as client:
        yield Sandbox(client)
