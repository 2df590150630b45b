"""The options of a cluster."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from server.local.home.plan import DEFAULT_EDGE_PORT


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """What `emporium up`, or a test, asks for."""

    home: Path = Path(".emporium")
    edge_port: int = DEFAULT_EDGE_PORT  # 0: any free one. Other than the default: all ports free
    workers: int = 1  # processes of each service
    seed: Literal["small", "none"] = "small"
    ephemeral: bool = False  # on the RAM disk, not durable, deleted at exit
    rate_limit_per_minute: int = 100  # requests of one client
    login_limit_per_minute: int = 5  # logins from one address
    database_url: str = ""  # an admin's URL of a PostgreSQL to use instead of our own
    mongodb_uri: str = ""  # of a MongoDB replica set to use instead of our own
