"""Reports: what was sold, by day."""
