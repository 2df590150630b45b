"""The numbered steps that make this service's databases what they are now."""
