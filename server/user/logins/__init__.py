"""Logins: passwords, and the tokens that they are worth."""
