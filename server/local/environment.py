"""What `server/settings.py` reads, for each service of a cluster."""

from server.local.home import Home
from server.local.keys import KEY_IDS
from server.local.options import ClusterOptions
from server.local.plan import PortPlan
from server.local.process import inherited
from server.local.schema import DATABASES, service_dsn

# Between NOT_SERVING and the last accepted call. The edge looks every second, or is gone already.
DRAIN_SECONDS = "1"
MONGO_SERVICES = {"analytics"}


def service_environment(
    service: str,
    process: str,
    *,
    options: ClusterOptions,
    ports: PortPlan,
    home: Home,
    admin_dsn: str,
    mongodb_uri: str,
) -> dict[str, str]:
    """The supervisor's own environment, without its secrets, and this process's settings on top."""
    environment = (
        {"DRAIN_SECONDS": DRAIN_SECONDS}
        | inherited()
        | {
            "GRPC_HOST": "127.0.0.1",
            "GRPC_PORT": str(ports.grpc[service]),
            "REUSE_PORT": "true" if options.workers > 1 else "false",
            "OWN_PORT": str(ports.own.get(process, 0)),
            "METRICS_PORT": str(ports.metrics[process]),
            "JWKS_FILE": str(home.keys / "jwks.json"),
            "USER_TARGET": f"dns:///127.0.0.1:{ports.grpc['user']}",
            "ANALYTICS_TARGET": f"dns:///127.0.0.1:{ports.grpc['analytics']}",
            "PYTHONUNBUFFERED": "1",
        }
    )
    if service in DATABASES:
        environment["DATABASE_URL"] = service_dsn(admin_dsn, service, home)
    if service in MONGO_SERVICES:
        environment["MONGODB_URI"] = mongodb_uri
    if service in KEY_IDS:
        environment["SIGNING_KEY_FILE"] = str(home.keys / f"{service}.json")
    return environment
