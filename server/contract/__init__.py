"""Generates what is derived from the protos: stubs, images, the edge's files. For developers."""
