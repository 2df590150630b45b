"""Stubs of protos/emporium/order, made by `make generate`; not to be edited."""
