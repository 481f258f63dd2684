"""The whole schema: `metadata` with the tables of all modules, which migrations are compared with."""

from streamtime.database.tables import auth, jobs, playlists, sharing, storage, videos
from streamtime.database.tables.columns import metadata

MODULES = (auth, jobs, playlists, sharing, storage, videos)
"""Importing them registers their tables."""

__all__ = ["MODULES", "metadata"]
