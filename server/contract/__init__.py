"""What is derived from the protos, for developers only: stubs, images, the edge's files."""
