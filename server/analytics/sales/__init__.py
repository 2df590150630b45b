"""Sales: the order service's events, and the daily figures derived from them."""
