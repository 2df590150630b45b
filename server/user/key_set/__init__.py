"""The public keys, for everybody who verifies tokens."""
