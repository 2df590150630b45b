"""What the user service tells the world (`protos/emporium/user/v1/events.proto`)."""
