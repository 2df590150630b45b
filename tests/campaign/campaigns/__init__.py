"""A module for each campaign; it has `MINUTES` and `run`, and is found by its name."""
