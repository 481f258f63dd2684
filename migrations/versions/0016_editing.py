"""When a video was recorded, and what its owner set by hand: the recording date, the chapters, an own poster."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"

_CHOSEN = ("recorded_chosen", "chapters_chosen", "poster_uploaded")


def upgrade() -> None:
    op.add_column("videos", sa.Column("recorded_at_ms", sa.BigInteger()))
    op.add_column("videos", sa.Column("recorded_offset_min", sa.Integer(), server_default=sa.text("0"), nullable=False))
    for name in _CHOSEN:
        op.add_column(
            "videos",
            sa.Column(name, sa.Boolean(create_constraint=False), server_default=sa.text("0"), nullable=False),
        )
