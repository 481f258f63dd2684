"""What people have watched and how far, whether that is kept, and how often each video was viewed."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("videos", sa.Column("views", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
    op.add_column(
        "users",
        sa.Column("history_paused", sa.Boolean(create_constraint=False), server_default=sa.text("0"), nullable=False),
    )
    op.create_table(
        "watches",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("video_id", _ID, nullable=False),
        sa.Column("position_ms", sa.BigInteger(), nullable=False),
        sa.Column("watched", sa.Boolean(create_constraint=False), server_default=sa.text("0"), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id", "video_id", name="pk_watches"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_watches_user_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], name="fk_watches_video_id", ondelete="CASCADE"),
    )
    op.create_index("ix_watches_user_id_updated_at_ms", "watches", ["user_id", "updated_at_ms"])
    op.create_index("ix_watches_video_id", "watches", ["video_id"])
