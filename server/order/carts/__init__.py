"""Carts: what somebody may order, until it is ordered or forgotten."""
