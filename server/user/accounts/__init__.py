"""Accounts: who may open, read, change and delete one."""
