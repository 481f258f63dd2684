"""Indexes for lists of many videos: by date, title, length and recording date, without hidden and deleted rows.

An index on a column that is NULL in most rows finds those rows too, and SQLite preferred it to walking a list in its
order. `version_of` and `deleted_at_ms` are therefore indexed only where they are set.
"""

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"

_LISTED = sa.text("playable = 1 AND deleted_at_ms IS NULL AND version_of IS NULL")
_THERE = sa.text("deleted_at_ms IS NULL AND version_of IS NULL")


def upgrade() -> None:
    for name in ("version_of", "deleted_at_ms"):
        op.drop_index(f"ix_videos_{name}", "videos")
        op.create_index(f"ix_videos_{name}", "videos", [name], sqlite_where=sa.text(f"{name} IS NOT NULL"))
    op.drop_index("ix_videos_visibility_published_at_ms", "videos")
    length, recorded = sa.text("coalesce(duration_ms, 0)"), "coalesce(recorded_at_ms, {})"
    for name, key, where in (
        ("published_at_ms", "published_at_ms", _LISTED),
        ("created_at_ms", "created_at_ms", _THERE),
        ("listed_title", "title_folded", _LISTED),
        ("listed_length", length, _LISTED),
        ("listed_recorded", sa.text(recorded.format("published_at_ms")), _LISTED),
    ):
        op.create_index(f"ix_videos_{name}", "videos", [key, "id", "visibility", "owner_id"], sqlite_where=where)
    op.create_index("ix_videos_owner_id_length", "videos", ["owner_id", length, "id"])
    op.create_index(
        "ix_videos_owner_id_recorded", "videos", ["owner_id", sa.text(recorded.format("created_at_ms")), "id"]
    )
