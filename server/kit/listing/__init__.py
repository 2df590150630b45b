"""Lists: their pages, their order and their filters."""
