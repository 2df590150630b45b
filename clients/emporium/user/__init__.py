"""Stubs of protos/emporium/user, made by `make generate`; not to be edited."""
