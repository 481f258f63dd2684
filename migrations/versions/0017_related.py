"""Indexes for what to watch next: the videos of a tag, of an owner by visibility, and of a series."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_index("ix_video_tags_tag_folded", "video_tags", ["tag_folded", "video_id"])
    op.create_index(
        "ix_videos_owner_id_visibility_published_at_ms", "videos", ["owner_id", "visibility", "published_at_ms", "id"]
    )
    op.create_index("ix_videos_owner_id_title_folded", "videos", ["owner_id", "title_folded"])
