"""Many callers who ask for little, and one who asks for as much as its limits allow."""
