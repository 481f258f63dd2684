"""Private marks of accounts on videos: what to watch later, and favourites."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "video_marks",
        sa.Column("user_id", _ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("video_id", _ID, nullable=False),
        sa.Column("added_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("kind IN ('later', 'favourite')", name="ck_video_marks_kind_known"),
        sa.PrimaryKeyConstraint("user_id", "kind", "video_id", name="pk_video_marks"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_video_marks_user_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], name="fk_video_marks_video_id", ondelete="CASCADE"),
    )
    op.create_index("ix_video_marks_video_id", "video_marks", ["video_id"])
    op.create_index(
        "ix_video_marks_user_id_kind_added_at_ms", "video_marks", ["user_id", "kind", "added_at_ms", "video_id"]
    )
