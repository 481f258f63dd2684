"""The tables of share links, upload requests, groups of people, grants to them, and who follows what."""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, Table, Text, text

from streamtime.database.tables.columns import RowId, at, maker, metadata, public_id, row_id, video

_ONE_GRANTEE = "(user_id IS NULL) <> (group_id IS NULL)"

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

groups = Table(
    "groups",
    metadata,
    row_id(),
    public_id(),
    maker(),
    Column("name", Text, nullable=False),
    Column("name_folded", Text, nullable=False),
    at("created"),
    Index("uq_groups_owner_id_name_folded", "owner_id", "name_folded", unique=True),
    sqlite_autoincrement=True,
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", RowId, ForeignKey("groups.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("user_id", RowId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    at("added"),
    Index("ix_group_members_user_id", "user_id", "group_id"),
)


def _grantee() -> list[Column[int]]:
    """Who gets it: an account or a group."""
    return [
        Column("user_id", RowId, ForeignKey("users.id", ondelete="CASCADE")),
        Column("group_id", RowId, ForeignKey("groups.id", ondelete="CASCADE")),
    ]


video_grants = Table(
    "video_grants",
    metadata,
    row_id(),
    video(),
    *_grantee(),
    at("granted"),
    CheckConstraint(_ONE_GRANTEE, name="one_grantee"),
    Index("uq_video_grants_user_id_video_id", "user_id", "video_id", unique=True),
    Index("uq_video_grants_group_id_video_id", "group_id", "video_id", unique=True),
    Index("ix_video_grants_video_id", "video_id"),
)

playlist_grants = Table(
    "playlist_grants",
    metadata,
    row_id(),
    Column("playlist_id", RowId, ForeignKey("playlists.id", ondelete="CASCADE"), nullable=False, index=True),
    *_grantee(),
    Column("with_videos", Boolean(create_constraint=False), nullable=False, server_default=text("0")),
    at("granted"),
    CheckConstraint(_ONE_GRANTEE, name="one_grantee"),
    Index("uq_playlist_grants_user_id_playlist_id", "user_id", "playlist_id", unique=True),
    Index("uq_playlist_grants_group_id_playlist_id", "group_id", "playlist_id", unique=True),
)

follows = Table(
    "follows",
    metadata,
    row_id(),
    Column("user_id", RowId, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("person_id", RowId, ForeignKey("users.id", ondelete="CASCADE"), index=True),
    Column("playlist_id", RowId, ForeignKey("playlists.id", ondelete="CASCADE"), index=True),
    at("followed"),
    CheckConstraint("(person_id IS NULL) <> (playlist_id IS NULL)", name="one_subject"),
    Index("uq_follows_user_id_person_id", "user_id", "person_id", unique=True),
    Index("uq_follows_user_id_playlist_id", "user_id", "playlist_id", unique=True),
    sqlite_autoincrement=True,
)
