"""How often callers may call: the process that Envoy asks about each request.

It answers Envoy's own rate limit filter, in the protocol of its reference rate limit service, so
that either can stand in for the other. Unlike that one it counts exactly, in a file that all its
processes share.
"""
