"""Speaks to an OpenID provider: who somebody is, by its word. Knows no account, no page and no database."""
