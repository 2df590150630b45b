"""Stubs of protos/emporium/user/v1, made by `make generate`; not to be edited."""
