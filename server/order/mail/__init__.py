"""Mail: what customers are written about their orders, and its words."""
