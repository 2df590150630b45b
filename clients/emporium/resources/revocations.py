"""What access tokens say and is not so any more."""

from collections.abc import AsyncGenerator

from emporium.connection import Connection
from emporium.user.v1.revocation_service_pb2 import (
    WatchRevocationsRequest,
    WatchRevocationsResponse,
)
from emporium.user.v1.revocation_service_pb2_grpc import RevocationServiceStub


class Revocations:
    """`shop.revocations`: the feed by which services refuse tokens that have ended."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._stub = RevocationServiceStub(connection.channel)

    def watch(self, after_position: int = 0) -> AsyncGenerator[WatchRevocationsResponse, None]:
        """The feed after that position (0: all of it), with a message a second at least.

        For services. It has no deadline. It ends when the server ends it, every few minutes, and
        the caller begins again where it was. Raises `Unavailable`, `PermissionDenied`.
        """
        request = WatchRevocationsRequest(after_position=after_position or None)
        return self._connection.stream(self._stub.WatchRevocations, request)
