"""`make campaign`: the long, seeded forms of tests, which CI does not wait for."""
