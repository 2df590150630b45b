"""Limits that both ends of a call keep to."""

MESSAGE_BYTES_MAX = 4 * 1024 * 1024
"""What a request or an answer may hold."""

BODY_BYTES_MAX = 1024 * 1024
"""What the edge takes of a request.

Where the contract permits more, as JSON that writes every character as an escape, the edge's route
to that rpc says so: see `server/contract/bodies.py`.
"""
