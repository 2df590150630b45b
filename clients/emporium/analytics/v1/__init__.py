"""Stubs of protos/emporium/analytics/v1, made by `make generate`; not to be edited."""
