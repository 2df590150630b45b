"""Orders: placing, reading, changing and deleting them."""
