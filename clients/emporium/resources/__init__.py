"""What the shop offers, each kind of thing in one file: `shop.orders`, `shop.users`."""
