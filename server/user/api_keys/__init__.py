"""API keys: what programs of people's sign in with."""
