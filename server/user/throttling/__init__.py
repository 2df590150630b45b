"""Throttling: how often somebody may fail to prove who they are."""
