"""The tables of share links and upload requests."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, Table, Text, text

from streamtime.database.tables.columns import RowId, at, maker, metadata, public_id, row_id, video

share_links = Table(
    "links",
    metadata,
    row_id(),
    public_id(),
    maker(),
    Column("label", Text, nullable=False),
    Column("password_hash", Text),
    Column("max_views", Integer),
    Column("views", Integer, nullable=False, server_default=text("0")),
    at("created"),
    at("expires", nullable=True),
    at("revoked", nullable=True),
    at("last_viewed", nullable=True),
    sqlite_autoincrement=True,
)

share_link_videos = Table(
    "link_videos",
    metadata,
    Column("link_id", RowId, ForeignKey("links.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    video(index=True),
)

share_link_playlists = Table(
    "link_playlists",
    metadata,
    Column("link_id", RowId, ForeignKey("links.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("playlist_id", RowId, ForeignKey("playlists.id", ondelete="CASCADE"), nullable=False, index=True),
)

upload_requests = Table(
    "drops",
    metadata,
    row_id(),
    public_id(),
    maker(),
    Column("label", Text, nullable=False),
    Column("max_bytes", BigInteger),
    Column("max_files", Integer),
    Column("files", Integer, nullable=False, server_default=text("0")),
    at("created"),
    at("expires", nullable=True),
    at("revoked", nullable=True),
    sqlite_autoincrement=True,
)
