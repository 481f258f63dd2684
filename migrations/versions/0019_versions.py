"""Versions of videos: a new one is prepared as a hidden video, and the content before it is kept as another."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("videos", sa.Column("rotation", sa.Integer(), server_default=sa.text("0"), nullable=False))
    op.add_column("videos", sa.Column("version_of", _ROW_ID))
    op.add_column("videos", sa.Column("version_kind", sa.Text()))
    op.create_index("ix_videos_version_of", "videos", ["version_of"])
    op.create_table(
        "cuts",
        sa.Column("video_id", _ROW_ID, nullable=False),
        sa.Column("source_video_id", _ROW_ID, nullable=False),
        sa.Column("exact", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("parts", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("video_id", name="pk_cuts"),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], name="fk_cuts_video_id", ondelete="CASCADE"),
    )
