"""The feed for other services."""

from collections.abc import AsyncIterator

from emporium.user.v1 import revocation_service_pb2 as pb
from server.kit.context import Context
from server.user.revocations.feed import Feed


class RevocationService:
    """`emporium.user.v1.RevocationService`."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    def WatchRevocations(
        self, request: pb.WatchRevocationsRequest, context: Context
    ) -> AsyncIterator[pb.WatchRevocationsResponse]:
        return self._feed.after(request.after_position)
