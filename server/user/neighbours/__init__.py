"""What the user service calls."""
