"""The OpenAPI document of REST, derived from the descriptor set."""
