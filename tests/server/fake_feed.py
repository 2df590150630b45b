"""A user service that knows of nothing that has ended, and says so each tenth of a second."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from emporium.user.v1 import revocation_service_pb2 as pb
from emporium.user.v1.revocation_service_pb2_grpc import (
    RevocationServiceServicer,
    add_RevocationServiceServicer_to_server,
)


class QuietFeed(RevocationServiceServicer):
    """`emporium.user.v1.RevocationService`."""

    async def WatchRevocations(  # noqa: N802 - the contract's name
        self, request: pb.WatchRevocationsRequest, context: Any
    ) -> AsyncIterator[pb.WatchRevocationsResponse]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            part = pb.WatchRevocationsResponse(position=request.after_position, complete=True)
            part.read_after.FromMicroseconds(int((loop.time() - began) * 1e6))
            yield part
            await asyncio.sleep(0.1)


async def quiet_feed(port: int = 0) -> tuple[grpc.aio.Server, int]:
    """It, begun, and its port."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    add_RevocationServiceServicer_to_server(QuietFeed(), server)
    port = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    return server, port
