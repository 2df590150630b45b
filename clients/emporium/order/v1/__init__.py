"""Stubs of protos/emporium/order/v1, made by `make generate`; not to be edited."""
