"""Streamtime, a self-hosted video server: see docs/architecture.md for the map of the house."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("streamtime")
except PackageNotFoundError:  # run from a checkout that was never installed
    __version__ = "0.0.0"
