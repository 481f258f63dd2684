"""Captions and chapters; what a sound track is called, and which one is heard first."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("renditions", sa.Column("language", sa.Text(), nullable=True))
    op.add_column("renditions", sa.Column("title", sa.Text(), nullable=True))
    op.add_column("renditions", sa.Column("is_default", sa.Boolean(), server_default=sa.text("0"), nullable=False))
    # Until now the one sound track that was made was the one heard first.
    op.execute("UPDATE renditions SET is_default = 1 WHERE kind = 'audio'")
    op.create_table(
        "captions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("video_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("stream", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("cues", sa.Integer(), nullable=False),
        sa.Column("webvtt", sa.LargeBinary(), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("origin IN ('file', 'upload')", name="ck_captions_origin_known"),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], name="fk_captions_video_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_captions"),
        sqlite_autoincrement=True,
    )
    op.create_index("uq_captions_video_id_name", "captions", ["video_id", "name"], unique=True)
    op.create_table(
        "chapters",
        sa.Column("video_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], name="fk_chapters_video_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("video_id", "position", name="pk_chapters"),
    )
