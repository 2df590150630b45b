"""A crowd of customers: who they are, what they do by locust, and how long they waited."""

PASSWORD = "correct horse battery"
"""Of all of them."""
