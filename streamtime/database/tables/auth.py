"""The tables of accounts: users, preferences, sessions, tokens, invites, notices, audit, permission epoch."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)

from streamtime.database.tables.columns import RowId, at, metadata, one_of, public_id, row_id, user

ROLES = ("admin", "member", "viewer")

users = Table(
    "users",
    metadata,
    row_id(),
    public_id(),
    Column("name", Text, nullable=False),
    Column("name_folded", Text, nullable=False, unique=True),
    Column("role", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    at("created"),
    at("disabled", nullable=True),
    Column("quota_bytes", BigInteger),
    Column("display_name", Text, nullable=False, server_default=text("''")),
    Column("picture_version", Integer, nullable=False, server_default=text("0")),
    at("awaiting", nullable=True),
    at("deleted", nullable=True),
    Column("totp_secret", Text),
    Column("totp_since_ms", BigInteger),
    Column("totp_step", BigInteger, nullable=False, server_default=text("0")),
    Column("about", Text, nullable=False, server_default=text("''")),
    Column("history_paused", Boolean(create_constraint=False), nullable=False, server_default=text("0")),
    one_of("role", ROLES),
    sqlite_autoincrement=True,
)

profile_pictures = Table(
    "pictures",
    metadata,
    Column("user_id", RowId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("jpeg", LargeBinary, nullable=False),
)

preferences = Table(
    "preferences",
    metadata,
    Column("user_id", RowId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("theme", Text, nullable=False),
    Column("density", Text, nullable=False),
    Column("autoplay", Text, nullable=False),
    Column("captions_language", Text, nullable=False),
    Column("audio_language", Text, nullable=False),
    Column("page_language", Text, nullable=False),
    one_of("theme", ("auto", "light", "dark")),
    one_of("density", ("comfortable", "compact")),
    one_of("autoplay", ("auto", "on", "off")),
)

recovery_codes = Table(
    "recovery_codes",
    metadata,
    Column("user_id", RowId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("code_sha256", LargeBinary, primary_key=True),
    at("used", nullable=True),
)

oidc_identities = Table(
    "identities",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    user(),
    at("created"),
)

invites = Table(
    "invites",
    metadata,
    row_id(),
    public_id(),
    user(),
    Column("token_sha256", LargeBinary, nullable=False, unique=True),
    Column("label", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("max_uses", Integer, nullable=False),
    Column("uses", Integer, nullable=False, server_default=text("0")),
    at("created"),
    at("expires"),
    at("revoked", nullable=True),
    one_of("role", ROLES),
    sqlite_autoincrement=True,
)

sessions = Table(
    "sessions",
    metadata,
    row_id(),
    Column("public_id", Text, nullable=False, server_default=text("''")),
    user(),
    Column("kind", Text, nullable=False, server_default=text("'browser'")),
    Column("token_sha256", LargeBinary, nullable=False, unique=True),
    Column("spent_sha256", LargeBinary, index=True),
    Column("user_agent", Text, nullable=False),
    Column("address", Text, nullable=False, server_default=text("''")),
    at("created"),
    at("last_used"),
    at("expires"),
    one_of("kind", ("browser", "client")),
    Index("uq_sessions_public_id", "public_id", unique=True),
    sqlite_autoincrement=True,
)

api_tokens = Table(
    "api_tokens",
    metadata,
    row_id(),
    public_id(),
    user(),
    Column("label", Text, nullable=False),
    Column("scope", Text, nullable=False, server_default=text("'admin'")),
    Column("token_sha256", LargeBinary, nullable=False, unique=True),
    at("created"),
    at("last_used", nullable=True),
    at("revoked", nullable=True),
    one_of("scope", ("feed", "read", "upload", "admin")),
    sqlite_autoincrement=True,
)

signing_keys = Table(
    "signing_keys",
    metadata,
    row_id(),
    public_id(),
    Column("purpose", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    at("created"),
    one_of("purpose", ("access", "ticket")),
    sqlite_autoincrement=True,
)

notices = Table(
    "notices",
    metadata,
    row_id(),
    public_id(),
    user(),
    Column("kind", Text, nullable=False),
    Column("fact", Text, nullable=False),
    Column("video_id", RowId, ForeignKey("videos.id", ondelete="CASCADE"), index=True),
    Column("playlist_id", RowId, ForeignKey("playlists.id", ondelete="CASCADE"), index=True),
    Column("person_id", RowId, ForeignKey("users.id", ondelete="CASCADE"), index=True),
    Column("detail", Text, nullable=False, server_default=text("'{}'")),
    at("created"),
    at("read", nullable=True),
    Index("uq_notices_user_id_kind_fact", "user_id", "kind", "fact", unique=True),
    Index("ix_notices_created_at_ms", "created_at_ms"),
    sqlite_autoincrement=True,
)

muted_notices = Table(
    "muted_notices",
    metadata,
    Column("user_id", RowId, ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
)

audit_log = Table(
    "audit",
    metadata,
    row_id(),
    at("happened"),
    Column("event", Text, nullable=False),
    Column("actor_id", RowId),
    Column("actor_name", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default=text("'{}'")),
    Index("ix_audit_actor_id", "actor_id", "id"),
    sqlite_autoincrement=True,
)

permission_epoch = Table(
    "epoch",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("value", BigInteger, nullable=False),
    CheckConstraint("id = 1", name="single_row"),
)
