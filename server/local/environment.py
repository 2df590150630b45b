"""The environment of a service process, which `server/settings` reads."""

from server.local.home import keys
from server.local.home.credentials import service_dsn, service_mongodb_uri
from server.local.home.folder import Home, read_private
from server.local.home.plan import PortPlan
from server.local.options import ClusterOptions
from server.local.process.surroundings import for_service
from server.services import Service

# Between NOT_SERVING and the last accepted call. The edge checks every second, if it still runs.
DRAIN_SECONDS = "1"


def service_environment(
    service: Service,
    process: str,
    *,
    options: ClusterOptions,
    ports: PortPlan,
    home: Home,
    admin_dsn: str,
    mongodb_uri: str,
    own_mongo: bool,
) -> dict[str, str]:
    """What a service may hear of the supervisor's environment, and this process's settings on top.

    With `own_mongo`, `mongodb_uri` is an admin's and the service has a user of its own there.
    """
    environment = (
        {"DRAIN_SECONDS": DRAIN_SECONDS}
        | for_service()
        | {
            "GRPC_HOST": "127.0.0.1",
            "GRPC_PORT": str(ports.grpc[service.name]),
            "REUSE_PORT": "true" if options.workers > 1 else "false",
            "OWN_PORT": str(ports.own.get(process, 0)),
            "METRICS_PORT": str(ports.metrics[process]),
            "JWKS_FILE": str(keys.public_file(home)),
            "SECRET_FILE": str(keys.secret_file(service, home)),
            "SERVICE_KEY_FILE": str(keys.file_of(service.own_key, home)),
            "NEIGHBOUR_TARGETS": " ".join(
                f"{name}=dns:///127.0.0.1:{ports.grpc[name]}" for name in service.neighbours
            ),
        }
    )
    if service.sends_mail:
        environment["MAILBOX_FOLDER"] = str(home.mailbox)
    else:
        for name in ("SMTP_URL", "SMTP_URL_FILE"):
            environment.pop(name, None)
    if service.takes_payments:
        environment["SANDBOX_URL"] = f"http://127.0.0.1:{ports.sandbox}"
        secret = read_private(keys.sandbox_secret_file(home))["secret"]
        environment["SANDBOX_SECRET"] = str(secret)
    if service.postgres:
        environment["DATABASE_URL"] = service_dsn(admin_dsn, service, home)
    if service.mongo:
        environment["MONGODB_DATABASE"] = service.mongo
        environment["MONGODB_URI"] = (
            service_mongodb_uri(mongodb_uri, service, home) if own_mongo else mongodb_uri
        )
    if service.vouches_for_people:
        environment["SIGNING_KEY_FILE"] = str(keys.file_of(service.name, home))
    return environment
