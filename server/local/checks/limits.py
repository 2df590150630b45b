"""The limits of a process that the cluster can outgrow."""

from server.local.engines.envoy import CONNECTIONS_MAX, FILES_BESIDES, connections_max
from server.local.errors import LocalError


def shortages() -> list[LocalError]:
    """What may become too little, with the remedy. Every process already has all that it may."""
    allowed = connections_max()
    if allowed >= CONNECTIONS_MAX:
        return []
    return [
        LocalError(
            f"`ulimit -Hn` leaves the edge {allowed} connections of {CONNECTIONS_MAX}",
            f"Raise it to {CONNECTIONS_MAX + FILES_BESIDES} or more.",
        )
    ]
