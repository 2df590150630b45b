"""Every rpc by every door."""
