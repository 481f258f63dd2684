"""Where the original of a video breaks off."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("videos", sa.Column("damaged_after_ms", sa.BigInteger(), nullable=True))
