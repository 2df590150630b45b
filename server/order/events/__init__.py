"""What the order service tells the world (`protos/emporium/order/v1/events.proto`)."""
