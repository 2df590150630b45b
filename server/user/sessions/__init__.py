"""Sessions: what keeps a device signed in from one access token to the next."""
