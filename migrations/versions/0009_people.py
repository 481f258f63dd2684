"""People: viewers, profiles, second factors, invitations, sessions of clients, scopes, share and drop links, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _know_viewers()
    _people()
    _sessions_and_tokens()
    _sharing()
    op.create_table(
        "audit",
        _id(),
        _at("happened"),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("actor_id", ID, nullable=True),
        sa.Column("actor_name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_audit_actor_id", "audit", ["actor_id", "id"])


def _know_viewers() -> None:
    """SQLite cannot change a check: the table is written anew, and goes on counting where it was."""
    counted = op.get_bind().execute(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'users'")).scalar()
    with op.batch_alter_table("users", recreate="always", copy_from=_users()):
        pass
    op.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = 'users'"))
    op.execute(sa.text("INSERT INTO sqlite_sequence VALUES ('users', :seq)").bindparams(seq=counted or 0))


def _users() -> sa.Table:
    return sa.Table(
        "users",
        sa.MetaData(),
        _id(),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_folded", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        _at("created"),
        _at("disabled", nullable=True),
        sa.Column("quota_bytes", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("role IN ('admin', 'member', 'viewer')", name=op.f("ck_users_role_known")),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name_folded", name="uq_users_name_folded"),
        sa.UniqueConstraint("public_id", name="uq_users_public_id"),
        sqlite_autoincrement=True,
    )


def _people() -> None:
    op.add_column("users", sa.Column("display_name", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("users", sa.Column("picture_version", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("users", sa.Column("awaiting_at_ms", sa.BigInteger(), nullable=True))
    op.add_column("users", sa.Column("deleted_at_ms", sa.BigInteger(), nullable=True))
    op.add_column("users", sa.Column("totp_secret", sa.Text(), nullable=True))
    op.add_column("users", sa.Column("totp_since_ms", sa.BigInteger(), nullable=True))
    op.add_column("users", sa.Column("totp_step", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.create_table(
        "pictures",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("jpeg", sa.LargeBinary(), nullable=False),
        _to_user("pictures"),
        sa.PrimaryKeyConstraint("user_id", name="pk_pictures"),
    )
    op.create_table(
        "recovery_codes",
        sa.Column("user_id", ID, nullable=False),
        sa.Column("code_sha256", sa.LargeBinary(), nullable=False),
        _at("used", nullable=True),
        _to_user("recovery_codes"),
        sa.PrimaryKeyConstraint("user_id", "code_sha256", name="pk_recovery_codes"),
    )
    op.create_table(
        "identities",
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        _at("created"),
        _to_user("identities"),
        sa.PrimaryKeyConstraint("issuer", "subject", name="pk_identities"),
    )
    op.create_index("ix_identities_user_id", "identities", ["user_id"])
    op.create_table(
        "invites",
        _id(),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("user_id", ID, nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("max_uses", sa.Integer(), nullable=False),
        sa.Column("uses", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _at("created"),
        _at("expires"),
        _at("revoked", nullable=True),
        sa.CheckConstraint("role IN ('admin', 'member', 'viewer')", name="ck_invites_role_known"),
        _to_user("invites"),
        sa.PrimaryKeyConstraint("id", name="pk_invites"),
        sa.UniqueConstraint("public_id", name="uq_invites_public_id"),
        sa.UniqueConstraint("token_sha256", name="uq_invites_token_sha256"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_invites_user_id", "invites", ["user_id"])


def _sessions_and_tokens() -> None:
    op.add_column("sessions", sa.Column("public_id", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.execute("UPDATE sessions SET public_id = lower(hex(randomblob(11)))")
    op.create_index("uq_sessions_public_id", "sessions", ["public_id"], unique=True)
    kinds = sa.CheckConstraint("kind IN ('browser', 'client')", name="ck_sessions_kind_known")
    op.add_column("sessions", sa.Column("kind", sa.Text(), kinds, server_default=sa.text("'browser'"), nullable=False))
    op.add_column("sessions", sa.Column("address", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("sessions", sa.Column("spent_sha256", sa.LargeBinary(), nullable=True))
    op.create_index("ix_sessions_spent_sha256", "sessions", ["spent_sha256"])
    scopes = sa.CheckConstraint("scope IN ('read', 'upload', 'admin')", name="ck_api_tokens_scope_known")
    op.add_column(
        "api_tokens", sa.Column("scope", sa.Text(), scopes, server_default=sa.text("'admin'"), nullable=False)
    )
    op.create_table(
        "signing_keys",
        _id(),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        _at("created"),
        sa.CheckConstraint("purpose IN ('access', 'ticket')", name="ck_signing_keys_purpose_known"),
        sa.PrimaryKeyConstraint("id", name="pk_signing_keys"),
        sa.UniqueConstraint("public_id", name="uq_signing_keys_public_id"),
        sqlite_autoincrement=True,
    )


def _sharing() -> None:
    op.add_column("videos", sa.Column("embeddable", sa.Boolean(), server_default=sa.text("0"), nullable=False))
    op.add_column("videos", sa.Column("guest_name", sa.Text(), nullable=True))
    op.create_table(
        "links",
        _id(),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True),
        sa.Column("max_views", sa.Integer(), nullable=True),
        sa.Column("views", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _at("created"),
        _at("expires", nullable=True),
        _at("revoked", nullable=True),
        sa.Column("last_viewed_at_ms", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_links_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_links"),
        sa.UniqueConstraint("public_id", name="uq_links_public_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_links_owner_id", "links", ["owner_id"])
    op.create_table(
        "link_videos",
        sa.Column("link_id", ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("video_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name="fk_link_videos_link_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], name="fk_link_videos_video_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("link_id", "position", name="pk_link_videos"),
    )
    op.create_index("ix_link_videos_video_id", "link_videos", ["video_id"])
    op.create_table(
        "drops",
        _id(),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("max_bytes", sa.BigInteger(), nullable=True),
        sa.Column("max_files", sa.Integer(), nullable=True),
        sa.Column("files", sa.Integer(), server_default=sa.text("0"), nullable=False),
        _at("created"),
        _at("expires", nullable=True),
        _at("revoked", nullable=True),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_drops_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_drops"),
        sa.UniqueConstraint("public_id", name="uq_drops_public_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_drops_owner_id", "drops", ["owner_id"])
    # Alembic would add the constraint by itself, which SQLite cannot do.
    op.execute("ALTER TABLE uploads ADD COLUMN drop_id INTEGER CONSTRAINT fk_uploads_drop_id REFERENCES drops (id)")


def _id() -> sa.Column[int]:
    return sa.Column("id", ID, nullable=False)


def _at(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(f"{name}_at_ms", sa.BigInteger(), nullable=nullable)


def _to_user(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=f"fk_{table}_user_id", ondelete="CASCADE")
