"""The tables of links: for people who are to see something, and for those who are to send something."""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, Table, Text, text

from streamtime.database.schema import RowId, at, maker, metadata, public_id, row_id, video

links = Table(
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

link_videos = Table(
    "link_videos",
    metadata,
    Column("link_id", RowId, ForeignKey("links.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    video(index=True),
)

drops = Table(
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
