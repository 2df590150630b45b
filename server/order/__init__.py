"""The order service: catalogue and orders."""
