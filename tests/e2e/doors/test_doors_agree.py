"""Every rpc by every door, with the same requests: the same comes of it.

The requests are made by chance from the contract, so a new rpc is tried from its first day. What
reads is asked of the same things by every door; what changes is done by a twin for each door.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import hypothesis
import pytest
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st

from emporium.user.v1 import user_service_pb2 as user_pb
from tests.asking import RPCS
from tests.e2e.doors.comparing import Comparing
from tests.e2e.doors.contract import contract
from tests.e2e.doors.doors import Door, Doors
from tests.e2e.doors.outcomes import Outcome
from tests.e2e.doors.strategies import least, requests
from tests.e2e.doors.twins import FORGED, NOBODY, SERVICE
from tests.e2e.extreme_requests import INTERNAL
from tests.e2e.extreme_scene import Scene
from tests.e2e.making import role_of
from tests.effort import Effort

REQUESTS = 5  # of each rpc
ROLES = (NOBODY, FORGED, "CUSTOMER", "STAFF", "ADMIN", SERVICE)

# Those whose example is refused: what it names is made by none of the calls here.
UNREACHED = {
    "CapturePayment": "of a payment that is authorized (tests/e2e/test_payments.py)",
    "VoidPayment": "of a payment that is authorized",
    "ReceivePaymentNotice": "its signature is the provider's (tests/e2e/test_payments.py)",
    "CreateShipment": "of a paid order (tests/server/order/shipping/test_service_shipments.py)",
    "CreateReturn": "of what was sent (tests/server/order/returns/test_service.py)",
    "DeleteOrderNote": "of a note that is there (tests/server/order/orders/test_service_notes.py)",
    "GetAddress": "of an address that is there (tests/server/order/addresses/test_service.py)",
    "UpdateAddress": "of an address that is there",
    "DeleteAddress": "of an address that is there",
    "DeleteCartItem": "of a product in the cart (tests/server/order/carts/test_service.py)",
    "RedeliverWebhookDelivery": "of a delivery that is there (tests/e2e/test_webhooks.py)",
    "GetErasure": "of an account that is erased",
    "ResetPassword": "its token comes by mail (tests/e2e/test_mail.py)",
    "VerifyEmail": "its token comes by mail",
}


def best_role(rpc: MethodDescriptor) -> str:
    return SERVICE if rpc.name in INTERNAL else role_of(rpc)


def run(comparing: Comparing, effort: Effort, loop: asyncio.AbstractEventLoop) -> None:
    """Compares requests by chance; raises with the first that the doors differ about."""
    best = best_role(comparing.rpc)

    @hypothesis.seed(effort.seed)
    @hypothesis.settings(
        max_examples=effort.times(REQUESTS),
        database=None,
        deadline=None,
        suppress_health_check=[*HealthCheck],
        phases=[Phase.generate],  # they are small as they are
    )
    @hypothesis.given(st.sampled_from([best, best, *ROLES]), requests(contract(), comparing.rpc))
    def agree(role: str, message: Message) -> None:
        asyncio.run_coroutine_threadsafe(comparing.compared(role, message), loop).result()

    agree()


@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("rpc", RPCS, ids=lambda rpc: rpc.full_name)
async def test_the_same_comes_of_a_call_by_every_door(
    rpc: MethodDescriptor, scene: Scene, all_doors: Doors, effort: Effort
) -> None:
    comparing = Comparing(scene, all_doors, rpc)
    example = await comparing.compared(best_role(rpc), least(contract(), rpc))
    assert (example.outcome.answer is None) == (rpc.name in UNREACHED), example
    await asyncio.to_thread(run, comparing, effort, asyncio.get_running_loop())


@dataclass(frozen=True)
class Lying:
    """A door that tells something else than came of a call."""

    door: Door
    lie: Callable[[Outcome], Outcome]

    async def ask(self, rpc: MethodDescriptor, message: Message, token: str | None) -> Outcome:
        return self.lie(await self.door.ask(rpc, message, token))


def another_field(told: Outcome) -> Outcome:
    return replace(told, violations=tuple(("another", said) for _, said in told.violations))


def a_field_less(told: Outcome) -> Outcome:
    assert told.answer is not None
    told.answer.ClearField(told.answer.ListFields()[-1][0].name)
    return told


LIES: dict[str, tuple[str, str, Callable[[Outcome], Outcome]]] = {
    "another reason": ("UpdateUser", FORGED, lambda told: replace(told, reason="ANOTHER")),
    "another message": ("UpdateUser", NOBODY, lambda told: replace(told, message="no")),
    "another field": ("UpdateUser", "CUSTOMER", another_field),
    "a refusal less": ("ListUsers", "CUSTOMER", lambda told: Outcome(user_pb.ListUsersResponse())),
    "a field less of a change": ("CreateProduct", "ADMIN", a_field_less),
    "a field less of a list": ("ListUsers", "ADMIN", a_field_less),
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("name", ["gRPC-Web", "REST"])
async def test_a_door_that_tells_something_else_is_found(
    name: str, lie: str, scene: Scene, all_doors: Doors
) -> None:
    rpc_name, role, told = LIES[lie]
    (rpc,) = (each for each in RPCS if each.name == rpc_name)
    message: Any = least(contract(), rpc)
    if lie == "another field":
        message.full_name = " "
    await Comparing(scene, all_doors, rpc).compared(role, message)
    lying = Lying(all_doors.edge[name], told)
    doors = replace(all_doors, edge={**all_doors.edge, name: lying})
    with pytest.raises(AssertionError, match=f"by {name}"):
        await Comparing(scene, doors, rpc).compared(role, message)
