"""Payments for orders, through a provider, and the ledger of what has moved."""
