"""How often the program that works on a video crashed over it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("videos", sa.Column("crashes", sa.Integer(), server_default=sa.text("0"), nullable=False))
