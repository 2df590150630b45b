"""How goods are sent, what that costs, and what of each order was sent."""
