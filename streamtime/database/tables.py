"""The tables of videos, objects and jobs, and helpers for common columns. docs/data-model.md describes the rows."""

from collections.abc import Iterable

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

RowId = BigInteger().with_variant(Integer(), "sqlite")
"""In SQLite only an INTEGER primary key is an alias of the row id."""


def one_of(column: str, values: Iterable[str]) -> CheckConstraint:
    """A constraint that limits a column to these values."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def row_id() -> Column[int]:
    """The row id, which is never exposed."""
    return Column("id", RowId, primary_key=True)


def public_id() -> Column[str]:
    """The id in URLs and in the API."""
    return Column("public_id", Text, nullable=False, unique=True)


def at(name: str, *, nullable: bool = False) -> Column[int]:
    """A point in time, in milliseconds since the epoch, UTC."""
    return Column(f"{name}_at_ms", BigInteger, nullable=nullable)


def owner() -> Column[int]:
    """The owning account, which cannot be deleted while it owns such rows."""
    return Column("owner_id", RowId, ForeignKey("users.id"), nullable=False)


def user() -> Column[int]:
    """The account of the row; deleted with it."""
    return Column("user_id", RowId, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True)


def maker() -> Column[int]:
    """The account that created the row; deleted with it."""
    return Column("owner_id", RowId, ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True)


def video(*, index: bool = False) -> Column[int]:
    """The video of the row; deleted with it."""
    return Column("video_id", RowId, ForeignKey("videos.id", ondelete="CASCADE"), nullable=False, index=index)


objects = Table(
    "objects",
    metadata,
    row_id(),
    Column("store", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("kind", Text, nullable=False),
    owner(),
    Column("bytes", BigInteger, nullable=False, server_default=text("0")),
    Column("sha256", LargeBinary),
    at("created"),
    at("scrubbed", nullable=True),
    Column("damage", Text),
    one_of("state", ("staging", "live", "doomed")),
    one_of("kind", ("source", "rendition", "poster", "storyboard", "preview")),
    Index("uq_objects_store_key", "store", "key", unique=True),
    Index("ix_objects_state_created_at_ms", "state", "created_at_ms"),
    Index("ix_objects_owner_id_state", "owner_id", "state", "kind", "bytes"),
    Index("ix_objects_sha256", "sha256"),
    sqlite_autoincrement=True,
)

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
    at("created"),
    at("published", nullable=True),
    at("deleted", nullable=True),
    at("purged", nullable=True),
    one_of("state", ("uploading", "queued", "processing", "ready", "failed")),
    one_of("visibility", ("private", "members", "unlisted", "public")),
    one_of("duplicate", ("asked", "kept")),
    Index("ix_videos_visibility_published_at_ms", "visibility", "published_at_ms", "id"),
    Index("ix_videos_owner_id_created_at_ms", "owner_id", "created_at_ms", "id"),
    Index("ix_videos_deleted_at_ms", "deleted_at_ms"),
    sqlite_autoincrement=True,
)

video_tags = Table(
    "video_tags",
    metadata,
    Column("video_id", RowId, ForeignKey("videos.id", ondelete="CASCADE"), primary_key=True),
    Column("tag_folded", Text, primary_key=True),
    Column("tag", Text, nullable=False),
    Column("position", Integer, nullable=False),
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

search_pending = Table(
    "search_pending",
    metadata,
    row_id(),
    Column("video_id", RowId, nullable=False, unique=True),
    sqlite_autoincrement=True,
)

jobs = Table(
    "jobs",
    metadata,
    row_id(),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False, index=True),
    Column("dedup_key", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("attempt", Integer, nullable=False, server_default=text("0")),
    Column("max_attempts", Integer, nullable=False),
    Column("weight", BigInteger, nullable=False, server_default=text("0")),
    Column("run_after_ms", BigInteger, nullable=False),
    Column("lease_owner", Text),
    Column("lease_until_ms", BigInteger),
    Column("failure_code", Text),
    Column("failure_message", Text),
    Column("fair_key", Text, nullable=False, server_default=text("''")),
    at("created"),
    at("started", nullable=True),
    at("finished", nullable=True),
    one_of("state", ("queued", "running", "done", "failed", "cancelled")),
    Index(
        "uq_jobs_dedup_key_active",
        "dedup_key",
        unique=True,
        sqlite_where=text("state IN ('queued', 'running')"),
        postgresql_where=text("state IN ('queued', 'running')"),
    ),
    Index("ix_jobs_claim", "state", "priority", "run_after_ms", "id"),
    Index("ix_jobs_started_at_ms", "started_at_ms"),
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

epoch = Table(
    "epoch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("value", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="single_row"),
)

deployment = Table(
    "deployment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("marker", Text, nullable=False),
    at("created"),
    at("restored", nullable=True),
    CheckConstraint("id = 1", name="single_row"),
)

multiparts = Table(
    "multiparts",
    metadata,
    Column("object_id", RowId, ForeignKey("objects.id", ondelete="CASCADE"), primary_key=True),
    Column("store", Text, primary_key=True),
    Column("upload_id", Text, nullable=False),
    Column("part_bytes", BigInteger, nullable=False),
    Column("parts", Text, nullable=False, server_default=text("'[]'")),
    at("created"),
)

strays = Table(
    "strays",
    metadata,
    Column("store", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    at("first_seen"),
    Column("passes", Integer, nullable=False, server_default=text("1")),
    at("put_aside", nullable=True),
)

marks = Table(
    "marks",
    metadata,
    Column("store", Text, primary_key=True),
    at("marked"),
)

holds = Table(
    "holds",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)

upkeep = Table(
    "upkeep",
    metadata,
    Column("task", Text, primary_key=True),
    at("started"),
    at("finished", nullable=True),
    Column("trouble", Text, nullable=False, server_default=text("''")),
    Column("outcome", Text, nullable=False, server_default=text("'{}'")),
    one_of("task", ("collect", "reconcile", "scrub")),
)
