"""Stubs of protos/emporium/analytics, made by `make generate`; not to be edited."""
