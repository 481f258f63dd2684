"""Streamtime, a self-hosted video server. docs/architecture.md describes its packages."""
