"""Customers of the cluster, signed in, and what they call by REST."""

import asyncio
import itertools
import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import grpc

from emporium.user.v1.auth_service_pb2 import LoginRequest
from emporium.user.v1.auth_service_pb2_grpc import AuthServiceStub
from emporium.user.v1.user_service_pb2 import CreateUserRequest
from emporium.user.v1.user_service_pb2_grpc import UserServiceStub
from tests.bench.open_loop import Call, call
from tests.bench.stage import Stage

_CHEAPEST_BCRYPT = "4"
_PASSWORD = "correct horse battery"
_TIMEOUT_SECONDS = 30.0
_AT_ONCE = 8


@dataclass(frozen=True)
class Customer:
    """Somebody with an account; `token` is a whole `authorization` header."""

    user_id: str
    token: str


async def customers(stage: Stage, count: int) -> Sequence[Customer]:
    """So many new ones, whose tokens are good for ten minutes.

    A process of their own signs them up, whose hashes cost next to nothing.
    """
    async with (
        stage.service("user", BCRYPT_COST=_CHEAPEST_BCRYPT) as service,
        grpc.aio.insecure_channel(f"127.0.0.1:{service.port}") as channel,
    ):
        users, auth = UserServiceStub(channel), AuthServiceStub(channel)
        places = asyncio.Semaphore(_AT_ONCE)

        async def one() -> Customer:
            email = f"{uuid.uuid4().hex}@bench.example"
            new = CreateUserRequest(email=email, full_name="Bench", password=_PASSWORD)
            login = LoginRequest(email=email, password=_PASSWORD)
            async with places:
                user = await users.CreateUser(new, timeout=_TIMEOUT_SECONDS)
                granted = await auth.Login(login, timeout=_TIMEOUT_SECONDS)
            return Customer(user.id, f"Bearer {granted.access_token}")

        return await asyncio.gather(*(one() for _ in range(count)))


def reads(found: Sequence[Customer]) -> Callable[[], Call]:
    """Each looks at his own account, in turn."""
    made = itertools.cycle([_account(each) for each in found])
    return lambda: next(made)


def journeys(found: Sequence[Customer], product_id: str) -> Callable[[], Call]:
    """Of ten calls four browse, two look at an account, two at orders, and two order."""
    order = json.dumps({"items": [{"product_id": product_id, "quantity": 1}]}).encode()

    def steps(each: Customer) -> list[Call]:
        products = call("GET", "/api/v1/products", each.token)
        orders = call("GET", "/api/v1/orders", each.token)
        ordering = call("POST", "/api/v1/orders", each.token, order)
        return [products, _account(each), products, orders, ordering]

    made = itertools.cycle([step for turn in zip(*map(steps, found), strict=True) for step in turn])
    return lambda: next(made)


def _account(each: Customer) -> Call:
    return call("GET", f"/api/v1/users/{each.user_id}", each.token)
