"""The tables of playlists."""

from sqlalchemy import Column, ForeignKey, Index, Integer, Table, Text, text

from streamtime.database.tables.columns import RowId, at, maker, metadata, one_of, public_id, row_id

playlists = Table(
    "playlists",
    metadata,
    row_id(),
    public_id(),
    maker(),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False, server_default=text("''")),
    Column("visibility", Text, nullable=False),
    at("created"),
    at("updated"),
    one_of("visibility", ("private", "members", "unlisted", "public")),
    Index("ix_playlists_updated_at_ms", "updated_at_ms", "id"),
    sqlite_autoincrement=True,
)

playlist_items = Table(
    "playlist_items",
    metadata,
    Column("playlist_id", RowId, ForeignKey("playlists.id", ondelete="CASCADE"), primary_key=True),
    Column("video_id", RowId, ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("position", Integer, nullable=False),
    at("added"),
    Index("ix_playlist_items_playlist_id_position", "playlist_id", "position"),
)
