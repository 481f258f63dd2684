"""Accounts, sessions, tokens, roles and access rules; sign-in by password, second factor and OpenID Connect."""
