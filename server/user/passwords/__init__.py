"""Passwords: hashing and checking them."""
