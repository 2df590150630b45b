"""The events that the user service publishes (`protos/emporium/user/v1/events.proto`)."""
