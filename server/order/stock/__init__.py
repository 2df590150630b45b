"""Stock: how much there is of each product, and for whom."""
