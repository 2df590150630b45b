"""Makes the parts of a cluster and passes each the addresses of the others."""

import shutil
from pathlib import Path

from server.local.engines import limiter
from server.local.engines.envoy import Gateway, admin_socket
from server.local.engines.mongo import EmbeddedMongo
from server.local.engines.postgres import EmbeddedPostgres
from server.local.engines.sandbox import SANDBOX, Sandbox
from server.local.engines.service import ServiceProcess
from server.local.environment import service_environment
from server.local.home import keys
from server.local.home.credentials import service_dsn
from server.local.home.folder import Home
from server.local.home.plan import PortPlan, process_names
from server.local.home.record import ClusterRecord
from server.local.options import ClusterOptions
from server.local.preparation.client import Preparation
from server.local.process.part import Part
from server.local.process.surroundings import CHECKOUT
from server.services import SERVICES, Service

# Each process of a service with PostgreSQL holds a pool, listening connections, and one for each
# job that a single process does.
CONNECTIONS_PER_PROCESS = 22
CONNECTIONS_BESIDES = 40
ENVOY_SOURCE = CHECKOUT / "envoy"

# What staff and services may do more often than a client, who makes one call after the other.
STAFF_TIMES = 10
SERVICE_TIMES = 60


class Assembly:
    """The parts of one cluster, made in the order of their start."""

    def __init__(
        self, options: ClusterOptions, ports: PortPlan, home: Home, preparation: Preparation
    ) -> None:
        self.options = options
        self.ports = ports
        self.home = home
        self._preparation = preparation
        self._postgres: EmbeddedPostgres | None = None
        self._mongo: EmbeddedMongo | None = None

    @property
    def admin_dsn(self) -> str:
        """Connects to PostgreSQL as an admin; valid once that has started."""
        return self._postgres.admin_dsn if self._postgres else self.options.database_url

    @property
    def mongodb_uri(self) -> str:
        """Connects to MongoDB."""
        return self._mongo.uri if self._mongo else self.options.mongodb_uri

    def postgres(self) -> list[Part]:
        """PostgreSQL, unless the operator has named another."""
        if self.options.database_url:
            return []
        processes = self.options.workers * sum(bool(each.postgres) for each in SERVICES)
        self._postgres = EmbeddedPostgres(
            self.home.data / "postgres",
            port=self.ports.postgres,
            durable=not self.options.ephemeral,
            connections_max=CONNECTIONS_BESIDES + CONNECTIONS_PER_PROCESS * processes,
            log_file=self.home.log_file("postgres"),
        )
        return [self._postgres]

    def mongo(self) -> list[Part]:
        """mongod, unless the operator has named another MongoDB."""
        if self.options.mongodb_uri:
            return []
        self._mongo = EmbeddedMongo(
            self.home.data / "mongo",
            port=self.ports.mongod,
            durable=not self.options.ephemeral,
            log_file=self.home.log_file("mongod"),
            await_primary=self._preparation.await_primary,
        )
        return [self._mongo]

    @property
    def own_postgres(self) -> bool:
        """Whether the PostgreSQL is ours, with nothing in it that is somebody else's."""
        return self._postgres is not None

    @property
    def own_mongo(self) -> bool:
        """Whether the MongoDB is ours, so that each service gets users of its own there."""
        return self._mongo is not None

    def services(self) -> list[Part]:
        """Every process of every service."""
        return [
            self._service(service, process)
            for service in SERVICES
            for process in process_names(service.name, self.options.workers)
        ]

    def sandbox(self) -> Part:
        """The payment provider, which tells the edge what becomes of payments."""
        return Sandbox(
            port=self.ports.sandbox,
            store=self.home.data / "sandbox" / "charges.sqlite",
            secret_file=keys.sandbox_secret_file(self.home),
            notices_url=f"http://127.0.0.1:{self.ports.edge}/api/v1/payment-notices/{SANDBOX}",
            log_file=self.home.log_file(SANDBOX),
        )

    async def edge(self) -> tuple[list[Part], Part]:
        """What counts calls, and Envoy, which asks it; on a configuration made for these ports."""
        configuration = await self._render_edge()
        limiters = limiter.all_of(
            self.ports.limiters,
            edge=self._edge,
            store=self.home.counts,
            log_file=self.home.log_file,
        )
        return [*limiters], Gateway(
            configuration,
            edge_port=self.ports.edge,
            concurrency=max(1, self.options.workers),
            log_file=self.home.log_file("envoy"),
        )

    def describe(self, record: ClusterRecord) -> None:
        """Fills in the addresses."""
        ports = self.ports
        record.edge_url = f"http://localhost:{ports.edge}"
        record.admin_socket = str(admin_socket(self._edge) or "")
        record.grpc = {name: f"127.0.0.1:{port}" for name, port in ports.grpc.items()}
        record.metrics = {
            process: f"http://127.0.0.1:{port}/metrics" for process, port in ports.metrics.items()
        }
        record.mongodb_uri = self.mongodb_uri
        record.sandbox_url = f"http://127.0.0.1:{ports.sandbox}"
        record.postgres = {"admin_dsn": self.admin_dsn} | {
            service.name: service_dsn(self.admin_dsn, service, self.home)
            for service in SERVICES
            if service.postgres
        }

    def _service(self, service: Service, process: str) -> Part:
        return ServiceProcess(
            service.name,
            process,
            self.home.log_file(process),
            self.ports.grpc[service.name],
            service_environment(
                service,
                process,
                options=self.options,
                ports=self.ports,
                home=self.home,
                admin_dsn=self.admin_dsn,
                mongodb_uri=self.mongodb_uri,
                own_mongo=self.own_mongo,
            ),
            self._preparation.await_serving,
        )

    @property
    def _edge(self) -> Path:
        return self.home.directory / "edge"

    async def _render_edge(self) -> Path:
        into = self._edge
        shutil.rmtree(into, ignore_errors=True)
        into.mkdir(mode=0o700)
        return await self._preparation.render_edge(
            ENVOY_SOURCE,
            into,
            keys.public_file(self.home),
            edge_port=self.ports.edge,
            endpoints={
                service.name: [("127.0.0.1", port) for port in self.ports.behind_edge(service.name)]
                for service in SERVICES
                if service.behind_edge
            }
            | {limiter.LIMITS: [(limiter.HOST, port) for port in self.ports.limiters.values()]},
            limits={
                "client": self.options.rate_limit_per_minute,
                "anonymous": self.options.rate_limit_per_minute,
                "staff": STAFF_TIMES * self.options.rate_limit_per_minute,
                "service": SERVICE_TIMES * self.options.rate_limit_per_minute,
                "cart": self.options.rate_limit_per_minute,
                "login": self.options.login_limit_per_minute,
                "token": self.options.token_limit_per_minute,
            },
            cors_origins=self.options.cors_origins,
            trusted_hops=self.options.trusted_hops,
            heap_mb=self.options.edge_heap_mb,
        )
