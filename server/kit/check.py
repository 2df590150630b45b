"""Asks a service on this machine for its health: `python -m server.kit.check PORT`; 0 is SERVING.

For container health checks, whose images have no grpcurl.
"""

import sys
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_TIMEOUT_SECONDS = 2.0


def is_serving(port: int) -> bool:
    """Whether the service on `port` says SERVING."""
    options = (("grpc.enable_http_proxy", 0),)
    with grpc.insecure_channel(f"127.0.0.1:{port}", options) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its types know of no methods
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_SECONDS)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


if __name__ == "__main__":
    sys.exit(not is_serving(int(sys.argv[1])))
