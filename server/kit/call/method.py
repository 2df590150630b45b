"""What the contract says of an rpc, read once from its descriptor."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from http import HTTPStatus
from typing import Any

from google.api import annotations_pb2
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions, ServiceOptions
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from emporium.errors.v1.error_reason_pb2 import ErrorReason
from emporium.options.v1 import options_pb2
from emporium.type.v1 import role_pb2
from server.kit.call import event_ids
from server.kit.call.event_ids import NO_EVENT_IDS, EventIds
from server.kit.call.status import HTTP_STATUSES
from server.kit.context import Caller, Role

Audience = options_pb2.Access.Audience
Fresh = options_pb2.Access.Fresh

_HTTP: Any = annotations_pb2.http  # its stub takes it for a plain descriptor
_FIELD_IN_BRACES = re.compile(r"{(\w+)}")
_FIELD_OF_PATH = re.compile(r"{([\w.]+)")  # `{name}` or `{name=shelves/*}`
_RAW = "google.api.HttpBody"
_SERVICE_ID = "service:"  # before its name, in the subject of its tokens
_CUSTOM_VERB = re.compile(r":\w+$")  # such as `:suspend` (AIP-136)


class UndeclaredAccess(Exception):
    """An rpc does not declare who may call it, or not completely, so its service must not start."""


class UnknownLocation(Exception):
    """An rpc names a field for its `Location` that its response does not have."""


class UnknownPrecondition(Exception):
    """An rpc requires an etag, and its request has none."""


@dataclass(frozen=True)
class Access:
    """Who may call an rpc; see `emporium.options.v1.Access`."""

    audience: int
    roles: frozenset[Role]
    owner_field: str
    not_found_reason: str  # where there is an `owner_field`; empty elsewhere
    anonymous_field: str  # tells callers without a token apart; empty: they are one
    fresh: int = Fresh.TOKEN  # whose word decides about the caller
    scope: str = ""  # that an API key needs, such as `orders.read`; empty: none lets it in
    takes_basic: bool = False  # `Authorization: Basic` is the servicer's to check
    services: frozenset[str] = frozenset()  # that may call, such as `order`; then nobody else may

    @property
    def is_public(self) -> bool:
        """Whether a caller without a token may call."""
        return self.audience == Audience.PUBLIC

    def lets_in(self, caller: Caller) -> bool:
        """Whether one of the `roles` does, and if it is SERVICE, whether the service is named."""
        if caller.role is Role.SERVICE and caller.id.removeprefix(_SERVICE_ID) not in self.services:
            return False
        return caller.role in self.roles


@dataclass(frozen=True)
class Rpc:
    """What is known of every rpc, also of one that the contract does not describe."""

    service: str  # such as `emporium.user.v1.UserService`
    name: str  # such as `GetUser`
    client_streaming: bool
    server_streaming: bool


@dataclass(frozen=True)
class Rest:
    """Where REST callers say what, over all of the rpc's paths together."""

    path: str  # the first, such as `/api/v1/users/{user_id}`
    path_fields: tuple[str, ...]  # which fields the path says, such as `user_id`
    takes_body: bool
    takes_query: bool  # False when the body is the whole request
    takes_json: bool  # False when there is no body, or it comes byte for byte, of any type
    reply_type: str  # the media type of a success; empty where it has no body


@dataclass(frozen=True)
class Method(Rpc):
    """One rpc, as its service declares it in the contract."""

    request: type[Message]
    response: type[Message]
    access: Access
    success_status: int  # 0: what the transcoder would say, 200
    location: str  # such as `/api/v1/users/{id}`; empty: none
    rest: Rest | None  # how REST calls it; None: it does not
    is_read: bool  # it changes nothing
    precondition_required: bool = False  # it has to name the etag that it is made on
    is_audited: bool = False  # every call is kept in the audit log, whoever makes it
    event_ids: EventIds = NO_EVENT_IDS

    def location_of(self, response: Any) -> str:
        """The new resource's path: the declared one with the response's fields filled in."""
        return _filled(self.location, response)

    @property
    def names_what_it_changes(self) -> bool:
        """Whether it changes a resource that is there, and whose path the request says."""
        return not self.is_read and self.rest is not None and "{" in self.rest.path

    def resource_of(self, request: Any) -> str:
        """The path of what it changes, with the request's fields filled in, without a verb."""
        return _filled(self._resource, request)

    @cached_property
    def _resource(self) -> str:
        return _CUSTOM_VERB.sub("", self.rest.path) if self.rest else ""


def _filled(path: str, message: Any) -> str:
    text, names = _template(path)
    return text % tuple([getattr(message, name) for name in names])


@cache
def _template(path: str) -> tuple[str, Sequence[str]]:
    """A path of the contract for the operator `%`, and the fields to fill it with."""
    return _FIELD_IN_BRACES.sub("%s", path.replace("%", "%%")), _FIELD_IN_BRACES.findall(path)


def methods(service: ServiceDescriptor) -> Iterator[Method]:
    """Each rpc of `service`.

    Raises `UndeclaredAccess`, `UnknownLocation`, `UnknownPrecondition` or `UnfitEventId` for a
    flawed one.
    """
    return (_read(method) for method in service.methods)


def _read(method: MethodDescriptor) -> Method:
    options = method.GetOptions()
    success = options.Extensions[options_pb2.success]
    http = options.Extensions[_HTTP]
    return Method(
        service=method.containing_service.full_name,
        name=method.name,
        request=GetMessageClass(method.input_type),
        response=GetMessageClass(method.output_type),
        access=_read_access(method, options.Extensions[options_pb2.access]),
        success_status=success.status,
        location=_read_location(method, success.location),
        is_read=options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS,
        rest=_read_rest(method, [http, *http.additional_bindings]),
        precondition_required=_read_precondition(method),
        is_audited=_is_audited(method),
        event_ids=event_ids.read(method),
        client_streaming=method.client_streaming,
        server_streaming=method.server_streaming,
    )


def _read_precondition(method: MethodDescriptor) -> bool:
    required = method.GetOptions().Extensions[options_pb2.precondition_required]
    if required and "etag" not in method.input_type.fields_by_name:
        raise UnknownPrecondition(f"{method.full_name}: the request has no field 'etag'")
    return required


def _is_audited(method: MethodDescriptor) -> bool:
    """Whether it says so, its service does of all changes, or it has to do with a secret."""
    options = method.GetOptions()
    is_read = options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    changes = method.containing_service.GetOptions().Extensions[options_pb2.audits_changes]
    fields = (*method.input_type.fields, *method.output_type.fields)
    is_secret = any(field.GetOptions().debug_redact for field in fields)
    return options.Extensions[options_pb2.audited] or (changes and not is_read) or is_secret


def _read_rest(method: MethodDescriptor, rules: Sequence[Any]) -> Rest | None:
    """The fields in paths are those of all `rules`, so that none of them is open to a doubt."""
    declared = [rule for rule in rules if rule.WhichOneof("pattern")]
    if not declared:
        return None
    paths = [getattr(rule, rule.WhichOneof("pattern")) for rule in declared]
    return Rest(
        path=paths[0],
        path_fields=tuple({name for path in paths for name in _FIELD_OF_PATH.findall(path)}),
        takes_body=any(rule.body for rule in declared),
        takes_query=any(rule.body != "*" for rule in declared),
        takes_json=any(rule.body and not _is_raw(method, rule.body) for rule in declared),
        reply_type=_read_reply_type(method),
    )


def _is_raw(method: MethodDescriptor, body: str) -> bool:
    """Whether a body comes byte for byte: it is the request, or the field `body` of it."""
    whole: Any = method.input_type
    said = whole if body == "*" else whole.fields_by_name[body].message_type
    return bool(said is not None and said.full_name == _RAW)


def _read_reply_type(method: MethodDescriptor) -> str:
    options = method.GetOptions()
    if options.Extensions[options_pb2.success].status == HTTPStatus.NO_CONTENT:
        return ""
    if method.server_streaming:
        return "text/event-stream"
    return options.Extensions[options_pb2.bare].media_type or "application/json"


def _read_access(method: MethodDescriptor, declared: options_pb2.Access) -> Access:
    if declared.audience == Audience.AUDIENCE_UNSPECIFIED:
        raise UndeclaredAccess(f"{method.full_name} declares no emporium.options.v1.access")
    if declared.audience == Audience.ROLES and not declared.roles:
        raise UndeclaredAccess(f"{method.full_name} admits roles and names none")
    if declared.fresh == Fresh.BY_ROLE and not declared.roles:
        raise UndeclaredAccess(f"{method.full_name} is fresh BY_ROLE and names no roles")
    if declared.takes_basic and declared.audience != Audience.PUBLIC:
        raise UndeclaredAccess(f"{method.full_name} takes Basic and is not PUBLIC")
    fields = method.input_type.fields_by_name
    if declared.owner_field and (method.client_streaming or declared.owner_field not in fields):
        raise UndeclaredAccess(f"{method.full_name} has no field {declared.owner_field!r}")
    if declared.anonymous_field and declared.anonymous_field not in fields:
        raise UndeclaredAccess(f"{method.full_name} has no field {declared.anonymous_field!r}")
    roles = frozenset(Role(role_pb2.Role.Name(number)) for number in declared.roles)
    return Access(
        audience=declared.audience,
        roles=roles,
        owner_field=declared.owner_field,
        not_found_reason=_read_not_found_reason(method, declared),
        anonymous_field=declared.anonymous_field,
        fresh=declared.fresh,
        scope=scope_of(method.containing_service.GetOptions(), method.GetOptions()),
        takes_basic=declared.takes_basic,
        services=services_of(method.full_name, declared),
    )


def services_of(rpc: str, declared: options_pb2.Access) -> frozenset[str]:
    """The services that may call; where some may, nobody else does.

    Raises `UndeclaredAccess` where none is named, and where others may call too.
    """
    if (role_pb2.SERVICE in declared.roles) != bool(declared.services):
        raise UndeclaredAccess(f"{rpc} needs SERVICE among its roles and services, or neither")
    is_theirs = declared.audience == Audience.ROLES and list(declared.roles) == [role_pb2.SERVICE]
    if declared.services and not is_theirs:
        raise UndeclaredAccess(f"{rpc} is for others too: services have rpcs of their own")
    return frozenset(declared.services)


def scope_of(service: ServiceOptions, method: MethodOptions) -> str:
    """The scope that an API key needs for the rpc; empty where no API key may call it."""
    access = method.Extensions[options_pb2.access]
    resource = service.Extensions[options_pb2.scope_resource]
    if not resource or access.no_api_keys or list(access.roles) == [role_pb2.SERVICE]:
        return ""
    only_reads = method.idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    return f"{resource}.{'read' if only_reads else 'write'}"


def _read_not_found_reason(method: MethodDescriptor, declared: options_pb2.Access) -> str:
    if bool(declared.not_found_reason) != bool(declared.owner_field):
        raise UndeclaredAccess(
            f"{method.full_name} needs owner_field and not_found_reason, or none"
        )
    if not declared.not_found_reason:
        return ""
    reason = ErrorReason.Name(declared.not_found_reason)
    if HTTP_STATUSES[reason] != HTTPStatus.NOT_FOUND:
        raise UndeclaredAccess(f"{method.full_name}: {reason} does not say that it is not there")
    return reason


def _read_location(method: MethodDescriptor, location: str) -> str:
    for name in _FIELD_IN_BRACES.findall(location):
        if name not in method.output_type.fields_by_name:
            raise UnknownLocation(f"{method.full_name}: the response has no field {name!r}")
    return location
