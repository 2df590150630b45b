"""Stubs of protos/emporium/errors/v1, made by `make generate`; not to be edited."""
