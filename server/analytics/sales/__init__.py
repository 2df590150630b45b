"""Sales: what became of orders, as the order service tells it, and the daily figures of it."""
