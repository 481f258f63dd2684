"""What people write about themselves on their page."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("users", sa.Column("about", sa.Text(), server_default=sa.text("''"), nullable=False))
