"""The analytics service: what people do in the shop, and what was sold."""
