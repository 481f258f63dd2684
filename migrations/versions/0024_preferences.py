"""Preferences of accounts."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "preferences",
        sa.Column("user_id", _ROW_ID, nullable=False),
        sa.Column("theme", sa.Text(), nullable=False),
        sa.Column("density", sa.Text(), nullable=False),
        sa.Column("autoplay", sa.Text(), nullable=False),
        sa.Column("captions_language", sa.Text(), nullable=False),
        sa.Column("audio_language", sa.Text(), nullable=False),
        sa.Column("page_language", sa.Text(), nullable=False),
        sa.CheckConstraint("theme IN ('auto', 'light', 'dark')", name="ck_preferences_theme_known"),
        sa.CheckConstraint("density IN ('comfortable', 'compact')", name="ck_preferences_density_known"),
        sa.CheckConstraint("autoplay IN ('auto', 'on', 'off')", name="ck_preferences_autoplay_known"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_preferences_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("user_id", name="pk_preferences"),
    )
