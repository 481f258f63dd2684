"""API tokens of the scope `feed`."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """SQLite cannot change a check, so the table is rebuilt. Its ids continue where they were."""
    counted = op.get_bind().execute(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'api_tokens'")).scalar()
    with op.batch_alter_table("api_tokens", recreate="always", copy_from=_api_tokens()):
        pass
    op.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = 'api_tokens'"))
    op.execute(sa.text("INSERT INTO sqlite_sequence VALUES ('api_tokens', :seq)").bindparams(seq=counted or 0))


def _api_tokens() -> sa.Table:
    return sa.Table(
        "api_tokens",
        sa.MetaData(),
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("user_id", _ROW_ID, nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), server_default=sa.text("'admin'"), nullable=False),
        sa.Column("token_sha256", sa.LargeBinary(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("scope IN ('feed', 'read', 'upload', 'admin')", name="ck_api_tokens_scope_known"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_api_tokens_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_api_tokens"),
        sa.UniqueConstraint("public_id", name="uq_api_tokens_public_id"),
        sa.UniqueConstraint("token_sha256", name="uq_api_tokens_token_sha256"),
        sa.Index("ix_api_tokens_user_id", "user_id"),
        sqlite_autoincrement=True,
    )
