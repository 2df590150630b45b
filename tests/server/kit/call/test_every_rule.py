"""The access rule of every rpc, as the pipeline keeps it and as the oracle reads the contract."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from emporium.options.v1 import options_pb2
from server.kit import auth, errors
from server.kit.call.access import AccessRules
from server.kit.call.method import Method
from server.kit.context import Caller as Known
from server.kit.context import Role
from tests import access_oracle, asking
from tests.access_oracle import CALLERS, Caller, Whose
from tests.asking import RPCS
from tests.campaign.http2 import Request, connected
from tests.server.conftest import Token
from tests.server.kit.guarded import guarded

ACCESS: Any = options_pb2.access
# Of the pipeline, before a handler.
REFUSALS = {"UNAUTHENTICATED", "PERMISSION_DENIED", "ACCOUNT_INACTIVE"}


class Kept:
    """Accounts of which the user id itself says what has become of them."""

    def __init__(self) -> None:
        self.roles: dict[str, str] = {}

    async def current(self, caller: Known, *, exact: bool) -> Known:
        role = self.roles[caller.id]
        if not role:
            raise errors.AccountInactive("gone")
        return replace(caller, role=Role(role))


async def differences(port: int, token: Token, accounts: Kept) -> list[str]:
    """Every call whose answer is another than the oracle's."""
    asked = list(combinations())
    connection = await connected(port)
    found = []
    for batch in range(0, len(asked), 32):
        some = asked[batch : batch + 32]
        calls = [_call(rpc, caller, whose, token, accounts) for rpc, caller, whose in some]
        answers = await asyncio.gather(*(connection.call(call) for call in calls))
        for (rpc, caller, whose), answer in zip(some, answers, strict=True):
            due, said = access_oracle.answer(rpc, caller, whose), asking.reason(answer)
            if (said if due else said in REFUSALS) != (due or False):
                found.append(f"{rpc.full_name}, {caller.name}, {whose}: {said!r}, not {due!r}")
    connection.close()
    return found


def combinations() -> Iterator[tuple[MethodDescriptor, Caller, Whose]]:
    for rpc in RPCS:
        owner_field = rpc.GetOptions().Extensions[ACCESS].owner_field
        for caller in CALLERS:
            for whose in (Whose.OWN, Whose.FOREIGN) if owner_field else (Whose.MISSING,):
                yield rpc, caller, whose


def _call(
    rpc: MethodDescriptor, caller: Caller, whose: Whose, token: Token, accounts: Kept
) -> Request:
    user_id = str(uuid.uuid4())
    accounts.roles[user_id] = caller.account
    message: Message = asking.good(rpc)
    if owner_field := rpc.GetOptions().Extensions[ACCESS].owner_field:
        setattr(message, owner_field, user_id if whose is Whose.OWN else str(uuid.uuid4()))
    name = access_oracle.THE_SERVICE if caller.is_service else user_id
    bearer = f"Bearer {token(caller.role, name)}" if caller.role else None
    return asking.with_header(asking.by_grpc(rpc, message), "authorization", bearer)


@pytest_asyncio.fixture(loop_scope="session")
async def accounts() -> AsyncIterator[Kept]:
    yield Kept()


async def test_every_rule_is_kept(verifier: auth.Verifier, token: Token, accounts: Kept) -> None:
    async with guarded(verifier, accounts) as inside:
        assert await differences(inside.port, token, accounts) == []


# The controls: the layer without one of its parts, and the comparison has to say so.
BROKEN = {
    "roles": "_needs_role",
    "owners": "_needs_owner",
    "accounts": "_by_account",
    "persons": "_refuse_services",
}


@pytest.mark.parametrize("part", BROKEN)
async def test_the_comparison_sees_a_layer_that_forgets(
    part: str,
    verifier: auth.Verifier,
    token: Token,
    accounts: Kept,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def nothing(*arguments: Any) -> Any:
        async def asked(request: Any, context: Any) -> None:
            """Of an account, which is asked by a coroutine."""

        checks = {"_refuse_services": None, "_by_account": asked}
        return checks.get(BROKEN[part], lambda *given: None)

    monkeypatch.setattr(f"server.kit.call.access.{BROKEN[part]}", nothing)
    async with guarded(verifier, accounts) as inside:
        assert await differences(inside.port, token, accounts)


async def test_the_comparison_sees_no_layer(
    verifier: auth.Verifier, token: Token, accounts: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_to_all(self: AccessRules, method: Method) -> None:
        return None

    monkeypatch.setattr(AccessRules, "gate", open_to_all)
    async with guarded(verifier, accounts) as inside:
        assert len(await differences(inside.port, token, accounts)) > len(RPCS)
