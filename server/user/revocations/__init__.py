"""The feed of what access tokens say and is not so any more."""
