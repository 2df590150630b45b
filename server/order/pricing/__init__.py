"""What orders cost, and how that comes about."""
