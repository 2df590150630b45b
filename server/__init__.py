"""Emporium's services, the kit they share, and the local cluster that runs them."""
