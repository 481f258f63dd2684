"""Videos that were deleted together have the name of their batch."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.add_column("videos", sa.Column("deletion_batch", sa.Text(), nullable=True))
    batched = sa.text("deletion_batch IS NOT NULL")
    op.create_index("ix_videos_deletion_batch", "videos", ["deletion_batch"], sqlite_where=batched)
