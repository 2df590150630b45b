"""Mail: what account holders are written, and its words."""
