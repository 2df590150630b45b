"""Accounts: opening, reading, changing and deleting them."""
