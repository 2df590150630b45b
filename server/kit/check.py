"""Asks a service on this machine for its health: `python -m server.kit.check NAME PORT`.

It ends with 0 where that is SERVING. For container health checks, whose images have no grpcurl.
Where the service speaks TLS, it is asked as itself, with its own settings.
"""

import sys
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from emporium.tls import Credentials
from server import settings
from server.kit.tls import to_neighbours
from server.settings import Server, SettingsError

_TIMEOUT_SECONDS = 2.0


def is_serving(name: str, port: int, server: Server | None = None) -> bool:
    """Whether the service `name` on `port` says SERVING. Raises `SettingsError`."""
    with _channel(name, f"127.0.0.1:{port}", server) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)  # its types know of no methods
        try:
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_SECONDS)
        except grpc.RpcError:
            return False
    return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


def _channel(name: str, address: str, server: Server | None) -> grpc.Channel:
    options = (("grpc.enable_http_proxy", 0), ("grpc.ssl_target_name_override", name))
    if server is None or not server.tls_certificate_file:
        return grpc.insecure_channel(address, options)
    files = to_neighbours(server)
    if files is None:
        raise SettingsError("TLS_CA_FILE must name the authority that the service's own is of")
    return grpc.secure_channel(address, Credentials(files).current, options)


def main() -> int:
    """The exit code for what the command line names."""
    try:
        name, port = sys.argv[1:]
        return int(not is_serving(name, int(port), settings.from_environment(name).server))
    except SettingsError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
