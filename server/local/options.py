"""The options of a cluster."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from server.local.errors import LocalError
from server.settings import SettingsError, require_url

# A browser sends scheme, host and port, in lower case and without a path.
ORIGIN = re.compile(r"https?://[a-z0-9.-]+(:[0-9]{1,5})?|https?://\[[0-9a-f:]+\](:[0-9]{1,5})?")


@dataclass(frozen=True, kw_only=True)
class ClusterOptions:
    """What `emporium up`, or a test, asks for. Raises `LocalError` for what cannot be."""

    home: Path = Path(".emporium")
    edge_port: int | None = None  # None: the home's own; 0: any free one
    port_base: int = 0  # the first of the ports of all parts; 0: none is asked for
    workers: int = 1  # processes of each service
    seed: Literal["small", "none"] = "small"
    ephemeral: bool = False  # on the RAM disk, not durable, deleted at exit
    rate_limit_per_minute: int = 100  # requests of one client; staff and services: many times that
    login_limit_per_minute: int = 5  # logins from one address
    token_limit_per_minute: int = 30  # exchanges of API keys from one address
    cors_origins: tuple[str, ...] = ()  # whose pages may call the edge; none: envoy/routes.yaml's
    trusted_hops: int = 0  # proxies in front of the edge, whose word on who calls is taken
    edge_heap_mb: int = 200  # memory that Envoy may allocate
    database_url: str = ""  # an admin's URL of a PostgreSQL to use instead of our own
    mongodb_uri: str = ""  # of a MongoDB replica set to use instead of our own

    def __post_init__(self) -> None:
        """Refuses what cannot be, before anything is started."""
        require_urls(self.database_url, self.mongodb_uri)
        for origin in self.cors_origins:
            if not ORIGIN.fullmatch(origin):
                raise LocalError(
                    "CORS_ORIGINS holds something that is no origin",
                    "Write scheme, host and port alone, such as https://shop.example:8443, with "
                    "spaces between several.",
                )


def require_urls(database_url: str, mongodb_uri: str) -> None:
    """Raises `LocalError` naming the variable whose value cannot be a URL of its database."""
    for variable, text in (("DATABASE_URL", database_url), ("MONGODB_URI", mongodb_uri)):
        try:
            require_url(variable, text)
        except SettingsError as error:
            option = variable.lower().replace("_", "-")
            remedy = f"It comes from the environment, from .env, or from --{option}."
            raise LocalError(str(error), remedy) from error
