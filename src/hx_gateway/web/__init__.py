"""HTTP routes by family, health, errors, OpenAPI."""
