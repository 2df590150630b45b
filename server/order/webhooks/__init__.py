"""Webhooks: events, posted to other systems."""
