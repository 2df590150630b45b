"""What the services are compared with: `grpc.aio` on uvloop, one asyncpg statement, nothing else.

    python -m tests.bench.baseline PORT DATABASE_URL [tuned]

No interceptors, no token, no validation, no log, no settings: the least that an async Python
service can do and still answer from a database. It answers GetUser by one SELECT ("L" in the
table), the first page of ListUsers by another, without a total, and CreateOrder by one INSERT,
and UpdateCartItem by one UPDATE.
`tuned` adds the two settings that our services have and that are no part of their chain: batch
scheduling, and a pool that does not reset its connections.
"""

import os
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import grpc
import uvloop
from google.protobuf.timestamp_pb2 import Timestamp
from uuid_utils.compat import uuid7

from emporium.order.v1 import cart_service_pb2 as cart_pb
from emporium.order.v1 import order_service_pb2 as order_pb
from emporium.type.v1 import role_pb2
from emporium.user.v1 import user_service_pb2 as user_pb

# The driver's pool is generic in its stubs only.
if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Pool = asyncpg.Pool

CREATE_TABLE = "CREATE TABLE bare_orders (id uuid PRIMARY KEY, request bytea NOT NULL)"

CREATE_CARTS = "CREATE TABLE bare_carts (id uuid PRIMARY KEY, quantity integer NOT NULL)"

_COLUMNS = "id, email, full_name, age, role, status, created_at, updated_at, version"
_GET = f"SELECT {_COLUMNS} FROM users WHERE id = $1"
_PAGE = f"SELECT {_COLUMNS} FROM users ORDER BY created_at DESC, id DESC LIMIT $1"
_UPDATE = "UPDATE bare_carts SET quantity = $2 WHERE id = $1"
_INSERT = "INSERT INTO bare_orders (id, request) VALUES ($1, $2)"


def _users(pool: Pool) -> grpc.GenericRpcHandler:
    async def get(request: user_pb.GetUserRequest, context: object) -> user_pb.User:
        return _user(await pool.fetchrow(_GET, request.user_id))

    async def page(request: user_pb.ListUsersRequest, context: object) -> user_pb.ListUsersResponse:
        rows = await pool.fetch(_PAGE, request.per_page + 1)
        return user_pb.ListUsersResponse(users=[_user(row) for row in rows[: request.per_page]])

    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
        "GetUser": grpc.unary_unary_rpc_method_handler(
            get,
            request_deserializer=user_pb.GetUserRequest.FromString,
            response_serializer=user_pb.User.SerializeToString,
        ),
        "ListUsers": grpc.unary_unary_rpc_method_handler(
            page,
            request_deserializer=user_pb.ListUsersRequest.FromString,
            response_serializer=user_pb.ListUsersResponse.SerializeToString,
        ),
    }
    return grpc.method_handlers_generic_handler("emporium.user.v1.UserService", handlers)


def _user(row: Any) -> user_pb.User:
    return user_pb.User(
        id=str(row["id"]),
        email=row["email"],
        full_name=row["full_name"],
        age=row["age"],
        role=role_pb2.Role.Value(row["role"]),
        status=user_pb.User.Status.Value(row["status"]),
        created_at=_timestamp(row["created_at"]),
        updated_at=_timestamp(row["updated_at"]),
        etag=str(row["version"]),
    )


def _timestamp(moment: datetime) -> Timestamp:
    found = Timestamp()
    found.FromDatetime(moment)
    return found


def _create_order(pool: Pool) -> grpc.GenericRpcHandler:
    async def answer(request: order_pb.CreateOrderRequest, context: object) -> order_pb.Order:
        order_id = uuid7()
        await pool.execute(_INSERT, order_id, request.SerializeToString())
        return order_pb.Order(id=str(order_id))

    handler = grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=order_pb.CreateOrderRequest.FromString,
        response_serializer=order_pb.Order.SerializeToString,
    )
    return grpc.method_handlers_generic_handler(
        "emporium.order.v1.OrderService", {"CreateOrder": handler}
    )


def _update_item(pool: Pool) -> grpc.GenericRpcHandler:
    async def answer(request: cart_pb.UpdateCartItemRequest, context: object) -> cart_pb.CartItem:
        await pool.execute(_UPDATE, request.cart_id, request.quantity)
        return cart_pb.CartItem(product_id=request.product_id, quantity=request.quantity)

    handler = grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=cart_pb.UpdateCartItemRequest.FromString,
        response_serializer=cart_pb.CartItem.SerializeToString,
    )
    return grpc.method_handlers_generic_handler(
        "emporium.order.v1.CartService", {"UpdateCartItem": handler}
    )


async def _keep(connection: object) -> None:
    """Nothing to reset."""


async def _serve(port: int, database_url: str, tuned: bool) -> None:
    options: dict[str, Any] = {"reset": _keep} if tuned else {}
    async with asyncpg.create_pool(database_url, **options) as pool:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers([_users(pool), _create_order(pool), _update_item(pool)])
        server.add_insecure_port(f"127.0.0.1:{port}")
        await server.start()
        await server.wait_for_termination()


def main() -> None:
    """Serves until it is killed."""
    tuned = sys.argv[3:] == ["tuned"]
    if tuned:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    uvloop.run(_serve(int(sys.argv[1]), sys.argv[2], tuned))


if __name__ == "__main__":
    main()
