"""Every parameter of a REST API, by its OpenAPI document, and what sqlmap finds in it."""
