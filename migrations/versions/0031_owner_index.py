"""The page of a person lists in the order of one index: by date for each owner, not for each visibility."""

import sqlalchemy as sa
from alembic import op

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    op.drop_index("ix_videos_owner_id_visibility_published_at_ms", "videos")
    op.create_index(
        "ix_videos_owner_id_published_at_ms",
        "videos",
        ["owner_id", "published_at_ms", "id", "visibility"],
        sqlite_where=sa.text("playable = 1 AND deleted_at_ms IS NULL AND version_of IS NULL"),
    )
