"""What the order service does at intervals."""
