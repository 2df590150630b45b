"""Passwords: how they are kept."""
