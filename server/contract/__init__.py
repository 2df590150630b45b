"""Generates what is derived from the protos: stubs, images, the edge's files, a page."""
