"""The events that the order service publishes (`protos/emporium/order/v1/events.proto`)."""
