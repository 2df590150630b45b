"""Two replicas of the order service, as for stocks."""

from tests.server.order.stock.conftest import buyers, replicas

__all__ = ["buyers", "replicas"]
