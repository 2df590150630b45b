"""Stubs of protos/emporium/type/v1, made by `make generate`; not to be edited."""
