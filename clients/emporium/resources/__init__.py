"""The resources, one in each file: `shop.orders`, `shop.users`."""
