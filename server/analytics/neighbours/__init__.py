"""How the analytics service calls other services."""
