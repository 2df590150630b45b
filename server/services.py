"""The one table of services: where each listens, what keeps its data, which ones it calls.

All code that starts, prepares, deploys or tests services reads it, so that a new service is a row
here and a folder beside this file. It is plain data and imports nothing heavy.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Engine = Literal["postgres", "mongo"]


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service. A database's name is also the name of the role that the service connects as."""

    name: str  # of its package in `server/`, its process and its cluster in Envoy
    port: int  # gRPC, unless set otherwise
    postgres: str = ""  # its database in PostgreSQL, if it has one; `owner` migrates it
    mongo: str = ""  # its database in MongoDB, if it has one; `mongo_owner` migrates it
    vouches_for_people: bool = False  # it signs the tokens of accounts, with a key apart
    neighbours: tuple[str, ...] = ()  # the services it calls
    sends_mail: bool = False  # and is told how
    takes_payments: bool = False  # and is told where the provider is
    behind_edge: bool = True  # whether callers from outside reach it, through Envoy

    @property
    def owner(self) -> str:
        """The role that owns the PostgreSQL database and may change its schema."""
        return f"{self.postgres}_owner"

    @property
    def own_key(self) -> str:
        """The name of the key by which its neighbours know it; with a number it is the key's id."""
        return f"service:{self.name}"

    @property
    def mongo_owner(self) -> str:
        """The user who may change the schema of the MongoDB database."""
        return f"{self.mongo}_owner"

    def migrations(self, engine: Engine) -> str:
        """The package that holds this service's migrations for `engine`; it need not exist."""
        return f"server.{self.name}.migrations.{engine}"

    def migrations_folder(self, engine: Engine) -> Path:
        """Where that package lies."""
        return Path(__file__).parents[1].joinpath(*self.migrations(engine).split("."))


USER = Service(
    name="user",
    port=50051,
    postgres="emporium_user",
    mongo="emporium_user",  # sessions
    vouches_for_people=True,
    neighbours=("order", "analytics"),
    sends_mail=True,
)
ORDER = Service(
    name="order",
    port=50052,
    postgres="emporium_order",
    neighbours=("user", "analytics"),
    sends_mail=True,
    takes_payments=True,
)
ANALYTICS = Service(name="analytics", port=50053, mongo="emporium_analytics", neighbours=("user",))

SERVICES = (USER, ORDER, ANALYTICS)


EDGE = "edge"
"""What the certificate of the edge names, as a service's names the service."""


def callers_of(service: Service) -> list[str]:
    """Who calls `service`, by the names in their certificates."""
    neighbours = [each.name for each in SERVICES if service.name in each.neighbours]
    return [*([EDGE] if service.behind_edge else []), *neighbours]


def named(name: str) -> Service:
    """The service called `name`. Raises `LookupError`."""
    for service in SERVICES:
        if service.name == name:
            return service
    raise LookupError(f"no service {name}; there are {', '.join(each.name for each in SERVICES)}")
