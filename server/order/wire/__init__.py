"""Products, orders and their events between Protobuf and dataclasses. No logic."""
