"""The addresses that people have saved."""
