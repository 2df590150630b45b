"""What the order service tells the world, and how it is written."""
