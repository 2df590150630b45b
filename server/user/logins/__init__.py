"""Logins: exchanging a password for a token."""
