"""Jobs know whose turn it is; renditions can be outdated, and rungs wished for."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("fair_key", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.create_index("ix_jobs_started_at_ms", "jobs", ["started_at_ms"], unique=False)
    op.add_column("renditions", sa.Column("outdated", sa.Boolean(), server_default=sa.text("0"), nullable=False))
    op.add_column("videos", sa.Column("wanted_rungs", sa.Text(), server_default=sa.text("''"), nullable=False))
