"""What operators do to the data of a running system."""
