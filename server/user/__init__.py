"""The user service: accounts, and who may sign in as what."""
