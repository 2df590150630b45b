"""What is ordered: products whose stock is not tracked, of which there is no end."""


def endless(count: int) -> str:
    """The statement that gives the ids of so many, as text."""
    tracked = "SELECT product_id FROM stock"
    return f"SELECT id::text FROM products WHERE id NOT IN ({tracked}) LIMIT {count}"
