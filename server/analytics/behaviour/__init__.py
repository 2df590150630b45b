"""Behaviour: what users do in the shop."""
