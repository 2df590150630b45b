"""Limits that both ends of a call keep to."""

MESSAGE_BYTES_MAX = 4 * 1024 * 1024
"""What a request or an answer may hold."""
