"""What a job takes of its lane's capacity: for encodes, the memory they need."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("jobs", sa.Column("weight", sa.BigInteger(), server_default=sa.text("0"), nullable=False))
