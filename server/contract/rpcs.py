"""The contract's rpcs, with the options that concern the edge."""

from dataclasses import dataclass

from google.api import annotations_pb2, http_pb2
from google.protobuf.descriptor_pb2 import (
    FileDescriptorSet,
    MethodDescriptorProto,
    MethodOptions,
)

from emporium.options.v1 import options_pb2
from emporium.type.v1 import role_pb2

PACKAGE = "emporium."


@dataclass(frozen=True)
class Binding:
    """One way to call an rpc by REST."""

    verb: str  # such as `GET`
    template: str  # such as `/api/v1/users/{user_id}`


@dataclass(frozen=True)
class Rpc:
    """One rpc, as the edge sees it."""

    service: str  # such as `emporium.user.v1.UserService`
    name: str
    bindings: tuple[Binding, ...]
    public: bool
    internal: bool  # for Emporium's own services only
    safe: bool  # to retry: it only reads, or is idempotent
    streaming: bool
    limit: str  # the name of its own rate limit, or empty

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
    return [
        _rpc(f"{file.package}.{service.name}", method)
        for file in known.file
        if file.package.startswith(PACKAGE)
        for service in file.service
        for method in service.method
    ]


def _rpc(service: str, method: MethodDescriptorProto) -> Rpc:
    options = method.options
    access = options.Extensions[options_pb2.access]
    return Rpc(
        service=service,
        name=method.name,
        bindings=tuple(_bindings(_http(options))),
        public=access.audience == options_pb2.Access.PUBLIC,
        internal=list(access.roles) == [role_pb2.SERVICE],
        safe=options.idempotency_level != MethodOptions.IDEMPOTENCY_UNKNOWN,
        streaming=method.client_streaming or method.server_streaming,
        limit=options.Extensions[options_pb2.rate_limit].name,
    )


def _http(options: MethodOptions) -> http_pb2.HttpRule:
    # The published types of google.api call every extension a FieldDescriptor.
    rule: http_pb2.HttpRule = options.Extensions[annotations_pb2.http]  # type: ignore[index]
    return rule


def _bindings(rule: http_pb2.HttpRule) -> list[Binding]:
    verb = rule.WhichOneof("pattern")
    if verb is None:
        return []
    first = Binding(verb.upper(), getattr(rule, verb))
    return [first] + [found for more in rule.additional_bindings for found in _bindings(more)]
