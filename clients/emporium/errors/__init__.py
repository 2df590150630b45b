"""Stubs of protos/emporium/errors, made by `make generate`; not to be edited."""
