"""Stubs of protos/emporium/options, made by `make generate`; not to be edited."""
