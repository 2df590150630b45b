"""Behaviour: what people do in the shop."""
