"""What the contract says of an rpc, read once from its descriptor."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from emporium.options.v1 import options_pb2
from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from server.kit.context import Role

Audience = options_pb2.Access.Audience


class UndeclaredAccess(Exception):
    """An rpc says not who may call it, so its service must not start."""


@dataclass(frozen=True)
class Access:
    """Who may call an rpc; see `emporium.options.v1.Access`."""

    audience: int
    roles: frozenset[Role]
    owner_field: str

    @property
    def is_public(self) -> bool:
        """Whether a caller without a token may call."""
        return self.audience == Audience.PUBLIC


@dataclass(frozen=True)
class Method:
    """One rpc, as its service declares it."""

    service: str  # such as `emporium.user.v1.UserService`
    name: str  # such as `GetUser`
    request: type[Message]
    response: type[Message]
    access: Access
    success_status: int  # 0: what the transcoder would say, 200
    location: str  # such as `/api/v1/users/{id}`; empty: none
    takes_body: bool  # whether REST callers send a body
    client_streaming: bool
    server_streaming: bool

    def location_of(self, response: Any) -> str:
        """The new resource's path: the declared one with the response's fields filled in."""
        return re.sub(r"{(\w+)}", lambda field: str(getattr(response, field[1])), self.location)


def methods(service: ServiceDescriptor) -> Iterator[Method]:
    """Each rpc of `service`. Raises `UndeclaredAccess` for one without an access rule."""
    return (_read(method) for method in service.methods)


def _read(method: MethodDescriptor) -> Method:
    options = method.GetOptions()
    success = options.Extensions[options_pb2.success]
    http = options.Extensions[annotations_pb2.http]
    return Method(
        service=method.containing_service.full_name,
        name=method.name,
        request=GetMessageClass(method.input_type),
        response=GetMessageClass(method.output_type),
        access=_read_access(method, options.Extensions[options_pb2.access]),
        success_status=success.status,
        location=success.location,
        takes_body=bool(http.body),
        client_streaming=method.client_streaming,
        server_streaming=method.server_streaming,
    )


def _read_access(method: MethodDescriptor, declared: options_pb2.Access) -> Access:
    if declared.audience == Audience.AUDIENCE_UNSPECIFIED:
        raise UndeclaredAccess(f"{method.full_name} declares no emporium.options.v1.access")
    if declared.audience == Audience.ROLES and not declared.roles:
        raise UndeclaredAccess(f"{method.full_name} admits roles and names none")
    fields = method.input_type.fields_by_name
    if declared.owner_field and (method.client_streaming or declared.owner_field not in fields):
        raise UndeclaredAccess(f"{method.full_name} has no field {declared.owner_field!r}")
    role_names = options_pb2.Access.DESCRIPTOR.fields_by_name["roles"].enum_type.values_by_number
    roles = frozenset(Role(role_names[number].name) for number in declared.roles)
    return Access(declared.audience, roles, declared.owner_field)
