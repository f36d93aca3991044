"""Keys, identities, scopes, policy."""
