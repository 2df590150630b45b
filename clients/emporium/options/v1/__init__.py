"""Stubs of protos/emporium/options/v1, made by `make generate`; not to be edited."""
