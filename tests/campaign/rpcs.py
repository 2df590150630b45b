"""Rpcs by name, and calls of them by either door."""

from typing import Any

from google.protobuf.message import Message

from tests.bench.http2 import framed
from tests.campaign.http2 import Request

_USER, _ORDER = "/emporium.user.v1.UserService", "/emporium.order.v1.OrderService"
GET_USER = f"{_USER}/GetUser"
BATCH_GET_USERS = f"{_USER}/BatchGetUsers"
LOGIN = "/emporium.user.v1.AuthService/Login"
LIST_USERS = f"{_USER}/ListUsers"
EXPORT_USER = "/emporium.user.v1.PersonalDataService/ExportUser"
GET_ORDER = f"{_ORDER}/GetOrder"
LIST_ORDERS = f"{_ORDER}/ListOrders"
CREATE_ORDER = f"{_ORDER}/CreateOrder"
RECORD_EVENT = "/emporium.analytics.v1.EventService/RecordEvent"

_GRPC = (("content-type", "application/grpc"), ("te", "trailers"))
_JSON = (("content-type", "application/json"),)


def grpc_request(
    rpc: str, message: Message | bytes, token: str = "", deadline: str = "10S"
) -> Request:
    """A unary gRPC call; with an empty `deadline` it has none."""
    body = framed(message if isinstance(message, bytes) else message.SerializeToString())
    timeout = (("grpc-timeout", deadline),) if deadline else ()
    return Request("POST", rpc, (*_GRPC, *timeout, *_bearer(token)), body)


def rest_request(
    verb: str, path: str, token: str = "", body: bytes = b"", **options: Any
) -> Request:
    """A REST call of `path`, below `/api/v1`."""
    kind = _JSON if body else ()
    return Request(verb, f"/api/v1{path}", (*kind, *_bearer(token)), body, **options)


def _bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),) if token else ()
