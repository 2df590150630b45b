"""Two replicas of the order service over one database."""

from tests.server.order.stock.conftest import buyers, replicas

__all__ = ["buyers", "replicas"]
