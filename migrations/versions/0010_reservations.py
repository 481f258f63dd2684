"""Reservations: when room was reserved for an upload last. Nothing for those there are: they reserve as they go on."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("uploads", sa.Column("reserved_at_ms", sa.BigInteger(), nullable=True))
