"""The space of the disk, one row a day."""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    op.create_table(
        "disk_days",
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("free_bytes", sa.BigInteger(), nullable=False),
        sa.Column("total_bytes", sa.BigInteger(), nullable=False),
        sa.Column("library_bytes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_disk_days"),
    )
