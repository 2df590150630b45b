"""A running service's contract, as it tells it itself, so that each tree is asked in its words."""

from collections.abc import Mapping
from typing import Any

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

_TIMEOUT_SECONDS = 30.0


class NotInContract(Exception):
    """The tree has no such rpc, or its request no such field."""


class Contract:
    """The rpcs of one service process. An rpc is named `package.Service/Method`."""

    def __init__(self, port: int) -> None:
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._pool = descriptor_pool.DescriptorPool(
            ProtoReflectionDescriptorDatabase(self._channel)
        )

    def encoded(self, rpc: str, fields: Mapping[str, Any]) -> bytes:
        """A request as it goes over the wire. Raises `NotInContract`."""
        return self._request(self._method(rpc), fields).SerializeToString()

    def ask(self, rpc: str, fields: Mapping[str, Any], *metadata: tuple[str, str]) -> Any:
        """The answer to one call, as a dictionary with the contract's own names."""
        method = self._method(rpc)
        call: Any = self._channel.unary_unary(
            f"/{rpc}",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
        )
        answer = call(self._request(method, fields), metadata=metadata, timeout=_TIMEOUT_SECONDS)
        return json_format.MessageToDict(
            answer, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        )

    def _method(self, rpc: str) -> MethodDescriptor:
        service, _, name = rpc.partition("/")
        try:
            found: MethodDescriptor = self._pool.FindServiceByName(service).methods_by_name[name]
        except KeyError as error:
            raise NotInContract(f"there is no rpc {rpc}") from error
        return found

    @staticmethod
    def _request(method: MethodDescriptor, fields: Mapping[str, Any]) -> Message:
        request: Message = message_factory.GetMessageClass(method.input_type)()
        try:
            return json_format.ParseDict(dict(fields), request)
        except json_format.ParseError as error:
            raise NotInContract(f"{method.name} is asked in another way: {error}") from error
