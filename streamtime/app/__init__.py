"""Composition: builds the services from the configuration, connects them, starts and stops the server."""
