"""The order service: what the shop sells, and what was ordered."""
