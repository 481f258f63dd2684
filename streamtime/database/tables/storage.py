"""The tables of storage: objects, multipart uploads, store ids, orphans, leases, maintenance runs."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, Table, Text, text

from streamtime.database.tables.columns import RowId, at, metadata, one_of, owner, row_id

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

multipart_uploads = Table(
    "multiparts",
    metadata,
    Column("object_id", RowId, ForeignKey("objects.id", ondelete="CASCADE"), primary_key=True),
    Column("store", Text, primary_key=True),
    Column("upload_id", Text, nullable=False),
    Column("part_bytes", BigInteger, nullable=False),
    Column("parts", Text, nullable=False, server_default=text("'[]'")),
    at("created"),
)

store_identity = Table(
    "deployment",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("marker", Text, nullable=False),
    at("created"),
    at("restored", nullable=True),
    CheckConstraint("id = 1", name="single_row"),
)

marked_stores = Table(
    "marks",
    metadata,
    Column("store", Text, primary_key=True),
    at("marked"),
)

orphans = Table(
    "strays",
    metadata,
    Column("store", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    at("first_seen"),
    Column("passes", Integer, nullable=False, server_default=text("1")),
    at("put_aside", nullable=True),
)

leases = Table(
    "holds",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until_ms", BigInteger, nullable=False),
)

server_settings = Table(
    "server_settings",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
    at("changed"),
)

disk_days = Table(
    "disk_days",
    metadata,
    Column("day", Text, primary_key=True),
    Column("free_bytes", BigInteger, nullable=False),
    Column("total_bytes", BigInteger, nullable=False),
    Column("library_bytes", BigInteger, nullable=False),
)

maintenance_runs = Table(
    "upkeep",
    metadata,
    Column("task", Text, primary_key=True),
    at("started"),
    at("finished", nullable=True),
    Column("trouble", Text, nullable=False, server_default=text("''")),
    Column("outcome", Text, nullable=False, server_default=text("'{}'")),
    one_of("task", ("collect", "reconcile", "scrub")),
)
