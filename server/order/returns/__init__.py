"""Returns: what buyers send back of their orders, and what they get for it."""
