"""Streamtime, a self-hosted video server: see docs/architecture.md for the map of the house."""
