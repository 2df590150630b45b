"""Stubs of protos/emporium/type, made by `make generate`; not to be edited."""
