"""The tables of videos: uploads, renditions, captions, chapters, stills, timeline, saved filters."""

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, LargeBinary, Table, Text, text

from streamtime.database.tables.columns import RowId, at, maker, metadata, one_of, owner, public_id, row_id, video

_LISTED = text("playable = 1 AND deleted_at_ms IS NULL AND version_of IS NULL")
_THERE = text("deleted_at_ms IS NULL AND version_of IS NULL")
_LENGTH = text("coalesce(duration_ms, 0)")
_AND_ACCESS = ("id", "visibility", "owner_id")
"""What decides whether a caller may see a row is in the index of a list, so that skipped rows need not be read."""

videos = Table(
    "videos",
    metadata,
    row_id(),
    public_id(),
    owner(),
    Column("title", Text, nullable=False),
    Column("title_folded", Text, nullable=False),
    Column("title_chosen", Boolean(create_constraint=False), nullable=False, server_default=text("1")),
    Column("description", Text, nullable=False, server_default=text("''")),
    Column("state", Text, nullable=False),
    Column("playable", Boolean(create_constraint=False), nullable=False, server_default=text("0")),
    Column("visibility", Text, nullable=False),
    Column("embeddable", Boolean(create_constraint=False), nullable=False, server_default=text("0")),
    Column("guest_name", Text),
    Column("access_generation", Integer, nullable=False, server_default=text("1")),
    Column("progress", Float, nullable=False, server_default=text("0")),
    Column("stage", Text, nullable=False, server_default=text("''")),
    Column("failure_code", Text),
    Column("failure_message", Text),
    Column("crashes", Integer, nullable=False, server_default=text("0")),
    Column("damaged_after_ms", BigInteger),
    Column("storage_prefix", Text, nullable=False, unique=True),
    Column("source_name", Text, nullable=False),
    Column("source_facts", LargeBinary),
    Column("wanted_rungs", Text, nullable=False, server_default=text("''")),
    Column("duplicate", Text),
    Column("source_object_id", RowId, ForeignKey("objects.id")),
    Column("poster_object_id", RowId, ForeignKey("objects.id")),
    Column("poster_version", Integer, nullable=False, server_default=text("0")),
    Column("poster_ms", BigInteger),
    Column("stills", LargeBinary),
    Column("stills_version", Integer, nullable=False, server_default=text("0")),
    Column("duration_ms", BigInteger),
    Column("width", Integer),
    Column("height", Integer),
    Column("views", BigInteger, nullable=False, server_default=text("0")),
    Column("rotation", Integer, nullable=False, server_default=text("0")),
    Column("version_of", RowId),
    Column("version_kind", Text),
    at("recorded", nullable=True),
    Column("recorded_offset_min", Integer, nullable=False, server_default=text("0")),
    Column("recorded_chosen", Boolean(create_constraint=False), nullable=False, server_default=text("0")),
    Column("chapters_chosen", Boolean(create_constraint=False), nullable=False, server_default=text("0")),
    Column("poster_uploaded", Boolean(create_constraint=False), nullable=False, server_default=text("0")),
    at("created"),
    at("published", nullable=True),
    at("deleted", nullable=True),
    at("purged", nullable=True),
    Column("deletion_batch", Text),
    one_of("state", ("uploading", "queued", "processing", "ready", "failed")),
    one_of("visibility", ("private", "members", "unlisted", "public")),
    one_of("duplicate", ("asked", "kept")),
    Index("ix_videos_published_at_ms", "published_at_ms", *_AND_ACCESS, sqlite_where=_LISTED),
    Index("ix_videos_created_at_ms", "created_at_ms", *_AND_ACCESS, sqlite_where=_THERE),
    Index("ix_videos_listed_title", "title_folded", *_AND_ACCESS, sqlite_where=_LISTED),
    Index("ix_videos_listed_length", _LENGTH, *_AND_ACCESS, sqlite_where=_LISTED),
    Index(
        "ix_videos_listed_recorded",
        text("coalesce(recorded_at_ms, published_at_ms)"),
        *_AND_ACCESS,
        sqlite_where=_LISTED,
    ),
    Index("ix_videos_owner_id_created_at_ms", "owner_id", "created_at_ms", "id"),
    Index(
        "ix_videos_owner_id_published_at_ms", "owner_id", "published_at_ms", "id", "visibility", sqlite_where=_LISTED
    ),
    Index("ix_videos_owner_id_title_folded", "owner_id", "title_folded"),
    Index("ix_videos_owner_id_length", "owner_id", _LENGTH, "id"),
    Index("ix_videos_owner_id_recorded", "owner_id", text("coalesce(recorded_at_ms, created_at_ms)"), "id"),
    Index("ix_videos_deleted_at_ms", "deleted_at_ms", sqlite_where=text("deleted_at_ms IS NOT NULL")),
    Index("ix_videos_version_of", "version_of", sqlite_where=text("version_of IS NOT NULL")),
    Index("ix_videos_deletion_batch", "deletion_batch", sqlite_where=text("deletion_batch IS NOT NULL")),
    sqlite_autoincrement=True,
)

cuts = Table(
    "cuts",
    metadata,
    Column("video_id", RowId, ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True),
    Column("source_video_id", RowId, nullable=False),
    Column("exact", Boolean(create_constraint=False), nullable=False),
    Column("parts", Text, nullable=False),
)

video_tags = Table(
    "video_tags",
    metadata,
    Column("video_id", RowId, ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_folded", Text, primary_key=True),
    Column("tag", Text, nullable=False),
    Column("position", Integer, nullable=False),
    Index("ix_video_tags_tag_folded", "tag_folded", "video_id"),
)

uploads = Table(
    "uploads",
    metadata,
    row_id(),
    public_id(),
    owner(),
    video(index=True),
    Column("object_id", RowId, ForeignKey("objects.id"), nullable=False),
    Column("length_bytes", BigInteger, nullable=False),
    Column("offset_bytes", BigInteger, nullable=False, server_default=text("0")),
    Column("metadata", Text, nullable=False),
    Column("client_key", Text),
    Column("drop_id", RowId, ForeignKey("drops.id")),
    at("created"),
    at("finished", nullable=True),
    at("expires", nullable=True),
    at("reserved", nullable=True),
    Index("uq_uploads_owner_id_client_key", "owner_id", "client_key", unique=True),
    sqlite_autoincrement=True,
)

renditions = Table(
    "renditions",
    metadata,
    row_id(),
    video(index=True),
    Column("attempt_id", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("codecs", Text, nullable=False, server_default=text("''")),
    Column("width", Integer),
    Column("height", Integer),
    Column("frame_rate", Float),
    Column("channels", Integer),
    Column("target_duration_s", Integer, nullable=False),
    Column("ceiling_bps", Integer),
    Column("segment_index", LargeBinary),
    Column("outdated", Boolean(create_constraint=False), nullable=False, server_default=text("0")),
    Column("language", Text),
    Column("title", Text),
    Column("is_default", Boolean(create_constraint=False), nullable=False, server_default=text("0")),
    at("created"),
    one_of("kind", ("video", "audio")),
    one_of("origin", ("copy", "encode")),
    one_of("state", ("growing", "whole")),
    sqlite_autoincrement=True,
)

rendition_parts = Table(
    "rendition_parts",
    metadata,
    Column("rendition_id", RowId, ForeignKey("renditions.id", ondelete="CASCADE"), primary_key=True),
    Column("part", Integer, primary_key=True),
    Column("object_id", RowId, ForeignKey("objects.id"), nullable=False, unique=True),
)

captions = Table(
    "captions",
    metadata,
    row_id(),
    video(),
    Column("name", Text, nullable=False),
    Column("language", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("stream", Integer),
    Column("version", Integer, nullable=False, server_default=text("1")),
    Column("cues", Integer, nullable=False),
    Column("webvtt", LargeBinary),
    at("created"),
    one_of("origin", ("file", "upload")),
    Index("uq_captions_video_id_name", "video_id", "name", unique=True),
    sqlite_autoincrement=True,
)

chapters = Table(
    "chapters",
    metadata,
    Column("video_id", RowId, ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
)

stills = Table(
    "stills",
    metadata,
    Column("video_id", RowId, ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("object_id", RowId, ForeignKey("objects.id"), nullable=False, unique=True),
    one_of("kind", ("storyboard", "preview")),
)

watches = Table(
    "watches",
    metadata,
    Column("user_id", RowId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("video_id", RowId, ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True, index=True),
    Column("position_ms", BigInteger, nullable=False),
    Column("watched", Boolean(create_constraint=False), nullable=False, server_default=text("0")),
    at("updated"),
    Index("ix_watches_user_id_updated_at_ms", "user_id", "updated_at_ms"),
)

video_marks = Table(
    "video_marks",
    metadata,
    Column("user_id", RowId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("video_id", RowId, ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True, index=True),
    at("added"),
    one_of("kind", ("later", "favourite")),
    Index("ix_video_marks_user_id_kind_added_at_ms", "user_id", "kind", "added_at_ms", "video_id"),
)

saved_filters = Table(
    "saved_filters",
    metadata,
    row_id(),
    public_id(),
    maker(),
    Column("name", Text, nullable=False),
    Column("name_folded", Text, nullable=False),
    Column("query", Text, nullable=False),
    at("created"),
    Index("uq_saved_filters_owner_id_name_folded", "owner_id", "name_folded", unique=True),
    sqlite_autoincrement=True,
)

search_pending = Table(
    "search_pending",
    metadata,
    row_id(),
    Column("video_id", RowId, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

timeline = Table(
    "timeline",
    metadata,
    row_id(),
    video(index=True),
    at("happened"),
    Column("event", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=text("'{}'")),
    sqlite_autoincrement=True,
)
