"""Sales: orders as the order service's events tell of them, and their figures by day."""
