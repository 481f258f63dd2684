"""Whether a person chose a video's title: one that nobody chose may give way to what the file says of itself."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("videos", sa.Column("title_chosen", sa.Boolean(), server_default=sa.text("1"), nullable=False))
