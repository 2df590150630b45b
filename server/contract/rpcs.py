"""The contract's rpcs, with the options that concern the edge."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import protovalidate
from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldOptions,
    FileDescriptorSet,
    MethodDescriptorProto,
    MethodOptions,
    ServiceDescriptorProto,
)
from google.protobuf.descriptor_pool import DescriptorPool

from emporium.errors.v1.error_reason_pb2 import ErrorReason
from emporium.options.v1 import options_pb2
from emporium.type.v1 import role_pb2
from server.contract import bodies, caching, replies
from server.kit.call.choices import choices, must_be
from server.kit.call.method import UndeclaredAccess, scope_of, services_of

PACKAGE = "emporium."


@dataclass(frozen=True)
class Binding:
    """One way to call an rpc by REST."""

    verb: str  # such as `GET`
    template: str  # such as `/api/v1/users/{user_id}`
    body: str = ""  # the field that the body says; `*` where it says all that the path does not


@dataclass(frozen=True)
class Rpc:
    """One rpc, as the edge sees it."""

    service: str  # such as `emporium.user.v1.UserService`
    name: str
    request: str  # the full name of the message
    response: str
    bindings: tuple[Binding, ...]
    success: options_pb2.Success  # what REST answers
    public: bool
    internal: bool  # for Emporium's own services only
    reads: bool  # and changes nothing
    safe: bool  # to retry: it only reads, or is idempotent
    precondition_required: bool  # it must name the etag that it is made on
    never_shed: bool  # the edge refuses it for no overload
    streaming: bool
    last_event_id: str  # the field of its request that `Last-Event-ID` says; empty where none is
    limit: str  # the name of its own rate limit, or empty
    unlimited: bool  # no limit counts it
    secret_header: str  # that the secret of what it is about stands in; empty: it has none
    access: options_pb2.Access  # who may call
    scope: str  # that an API key needs; empty: none lets it in
    bare: Mapping[str, Any]  # how REST answers without the envelope; empty where it has it
    cache: Mapping[str, str]  # `Cache-Control` of its successes, see `caching`; empty: as ever
    enums: Mapping[str, str]  # the enums of its request, by path, and what each must be
    oneofs: Mapping[str, str]  # the fields of which its request takes one, with commas, by oneof
    lists: tuple[str, ...]  # the repeated fields of its request, by path
    json_bytes: int  # the most that a request can be as JSON; 0 where REST does not call it
    deprecated: bool
    has_first_etag: bool  # of its answer: see `replies`

    @property
    def path(self) -> str:
        """The path of a native gRPC call."""
        return f"/{self.service}/{self.name}"

    @property
    def cluster(self) -> str:
        """The service process that answers: `user` for the package `emporium.user.v1`."""
        return self.service.split(".")[1]


def read(image: FileDescriptorSet) -> list[Rpc]:
    """Lists every rpc of ours, in the order of the files."""
    # Parsed again: options are only known in what is parsed after their module was imported.
    known = FileDescriptorSet.FromString(image.SerializeToString())
    pool = pool_of(image)
    found = [
        _rpc(file.package, service, method, pool)
        for file in known.file
        if file.package.startswith(PACKAGE)
        for service in file.service
        for method in service.method
    ]
    _check_services(found)
    return found


def _check_services(found: Sequence[Rpc]) -> None:
    """Ends where an rpc is open to services and names none, or one that there is not."""
    known = {rpc.cluster for rpc in found}
    for rpc in found:
        try:
            unknown = services_of(f"{rpc.service}.{rpc.name}", rpc.access) - known
        except UndeclaredAccess as error:
            raise SystemExit(str(error)) from error
        if unknown:
            raise SystemExit(f"{rpc.service}.{rpc.name}: no such service: {sorted(unknown)}")


def pool_of(image: FileDescriptorSet) -> DescriptorPool:
    """The contract as it is written, which the stubs that are imported here may not be yet."""
    pool = DescriptorPool()
    for file in image.file:
        pool.Add(file)
    return pool


def _enums(pool: DescriptorPool, message: str) -> dict[str, str]:
    validator = protovalidate.Validator()
    found: dict[str, str] = {}

    def visit(descriptor: Any, path: str, within: tuple[str, ...]) -> None:
        for field in descriptor.fields:
            name = f"{path}.{field.name}" if path else field.name
            if field.enum_type is not None:
                found[name] = must_be(choices(field, validator))
            elif field.message_type is not None and field.message_type.full_name not in within:
                visit(field.message_type, name, (*within, field.message_type.full_name))

    visit(pool.FindMessageTypeByName(message.removeprefix(".")), "", (message,))
    return found


def _oneofs(pool: DescriptorPool, message: str) -> dict[str, str]:
    """Those of the message itself. An `optional` field is one too, which holds nothing else."""
    descriptor: Any = pool.FindMessageTypeByName(message.removeprefix("."))
    return {
        oneof.name: ",".join(field.name for field in oneof.fields)
        for oneof in descriptor.oneofs
        if len(oneof.fields) > 1
    }


def _lists(descriptor: Any, path: str = "", within: tuple[str, ...] = ()) -> Iterator[str]:
    """Maps are none of them, which JSON writes as objects."""
    for field in descriptor.fields:
        message = field.message_type
        if message is not None and message.GetOptions().map_entry:
            continue
        if field.is_repeated:
            yield f"{path}{field.name}"
        if message is not None and message.full_name not in (*within, "google.protobuf.FieldMask"):
            yield from _lists(message, f"{path}{field.name}.", (*within, message.full_name))


def _rpc(
    package: str,
    service: ServiceDescriptorProto,
    method: MethodDescriptorProto,
    pool: DescriptorPool,
) -> Rpc:
    options = method.options
    bindings = tuple(_bindings(_http(options)))
    if bindings and method.client_streaming:
        raise SystemExit(f"{package}.{service.name}.{method.name}: REST sends no stream")
    access = options.Extensions[options_pb2.access]
    return Rpc(
        service=f"{package}.{service.name}",
        name=method.name,
        request=method.input_type.removeprefix("."),
        response=method.output_type.removeprefix("."),
        bindings=bindings,
        success=options.Extensions[options_pb2.success],
        public=access.audience == options_pb2.Access.PUBLIC,
        internal=list(access.roles) == [role_pb2.SERVICE],
        reads=options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS,
        safe=options.idempotency_level != MethodOptions.IDEMPOTENCY_UNKNOWN,
        precondition_required=options.Extensions[options_pb2.precondition_required],
        never_shed=options.Extensions[options_pb2.never_shed],
        streaming=method.client_streaming or method.server_streaming,
        last_event_id=_last_event_id(pool, method),
        limit=options.Extensions[options_pb2.rate_limit].name,
        unlimited=options.Extensions[options_pb2.unlimited],
        secret_header=options.Extensions[options_pb2.secret_header],
        access=access,
        scope=scope_of(service.options, method.options),
        bare=_bare(options),
        cache=_cache(f"{package}.{service.name}.{method.name}", method, bindings),
        enums=_enums(pool, method.input_type),
        oneofs=_oneofs(pool, method.input_type),
        lists=tuple(_lists(pool.FindMessageTypeByName(method.input_type.removeprefix(".")))),
        json_bytes=bodies.largest(pool, method.input_type.removeprefix(".")) if bindings else 0,
        deprecated=options.deprecated,
        has_first_etag=_has_first_etag(pool, method.output_type.removeprefix(".")),
    )


def _has_first_etag(pool: DescriptorPool, name: str) -> bool:
    def find(type_name: str) -> DescriptorProto:
        found = DescriptorProto()
        pool.FindMessageTypeByName(type_name.removeprefix(".")).CopyToProto(found)
        return found

    return replies.has_first_etag(find(name), find)


def _last_event_id(pool: DescriptorPool, method: MethodDescriptorProto) -> str:
    request: Any = pool.FindMessageTypeByName(method.input_type.removeprefix("."))
    # Parsed again, as above.
    told = {
        field.name: FieldOptions.FromString(field.GetOptions().SerializeToString())
        for field in request.fields
    }
    found = (name for name, each in told.items() if each.Extensions[options_pb2.last_event_id])
    return next(found, "") if method.server_streaming else ""


def _cache(
    rpc: str, method: MethodDescriptorProto, bindings: Sequence[Binding]
) -> Mapping[str, str]:
    options = method.options
    if not options.HasExtension(options_pb2.cache):
        return {}
    by_get = bool(bindings) and all(each.verb == "GET" for each in bindings)
    is_other = method.server_streaming or options.HasExtension(options_pb2.bare)
    reads = options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS
    return caching.controls(
        rpc,
        options.Extensions[options_pb2.cache],
        reads=reads and by_get and not is_other,
        public=options.Extensions[options_pb2.access].audience == options_pb2.Access.PUBLIC,
    )


def _bare(options: MethodOptions) -> dict[str, Any]:
    if not options.HasExtension(options_pb2.bare):
        return {}
    declared = options.Extensions[options_pb2.bare]
    errors = {ErrorReason.Name(each.reason): each.error for each in declared.oauth_errors}
    return {
        "media_type": declared.media_type or "application/json",
        "cache_control": declared.cache_control or "no-store",
        **({"oauth_errors": errors} if errors else {}),
    }


def _http(options: MethodOptions) -> http_pb2.HttpRule:
    # The published types of google.api call every extension a FieldDescriptor; hence the ignore.
    rule: http_pb2.HttpRule = options.Extensions[annotations_pb2.http]  # type: ignore[index]
    return rule


def _bindings(rule: http_pb2.HttpRule) -> list[Binding]:
    verb = rule.WhichOneof("pattern")
    if verb is None:
        return []
    first = Binding(verb.upper(), getattr(rule, verb), rule.body)
    return [first] + [found for more in rule.additional_bindings for found in _bindings(more)]
