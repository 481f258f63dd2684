"""Playlists of accounts, and their videos in an order."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "playlists",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("owner_id", _ROW_ID, nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("visibility", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("updated_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint(
            "visibility IN ('private', 'members', 'unlisted', 'public')", name="ck_playlists_visibility_known"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_playlists_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_playlists"),
        sa.UniqueConstraint("public_id", name="uq_playlists_public_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_playlists_owner_id", "playlists", ["owner_id"])
    op.create_index("ix_playlists_updated_at_ms", "playlists", ["updated_at_ms", "id"])
    op.create_table(
        "playlist_items",
        sa.Column("playlist_id", _ROW_ID, nullable=False),
        sa.Column("video_id", _ROW_ID, nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("added_at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["playlist_id"], ["playlists.id"], name="fk_playlist_items_playlist_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], name="fk_playlist_items_video_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("playlist_id", "video_id", name="pk_playlist_items"),
    )
    op.create_index("ix_playlist_items_playlist_id_position", "playlist_items", ["playlist_id", "position"])
    op.create_index("ix_playlist_items_video_id", "playlist_items", ["video_id"])
