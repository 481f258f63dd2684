"""Notices of accounts, and the kinds that an account has turned off."""

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SUBJECTS = (("video_id", "videos"), ("playlist_id", "playlists"), ("person_id", "users"))


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("user_id", _ROW_ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("fact", sa.Text(), nullable=False),
        *(sa.Column(column, _ROW_ID, nullable=True) for column, _ in _SUBJECTS),
        sa.Column("detail", sa.Text(), nullable=False, server_default=sa.text("'{}'")),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("read_at_ms", sa.BigInteger(), nullable=True),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=f"fk_notices_{column}", ondelete="CASCADE")
            for column, table in (("user_id", "users"), *_SUBJECTS)
        ),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
        sa.UniqueConstraint("public_id", name="uq_notices_public_id"),
        sqlite_autoincrement=True,
    )
    for column in ("user_id", *(column for column, _ in _SUBJECTS)):
        op.create_index(f"ix_notices_{column}", "notices", [column])
    op.create_index("uq_notices_user_id_kind_fact", "notices", ["user_id", "kind", "fact"], unique=True)
    op.create_index("ix_notices_created_at_ms", "notices", ["created_at_ms"])
    op.create_table(
        "muted_notices",
        sa.Column("user_id", _ROW_ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_muted_notices_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", "kind", name="pk_muted_notices"),
    )
