"""The people and playlists that accounts follow."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_SUBJECTS = (("person_id", "users"), ("playlist_id", "playlists"))


def upgrade() -> None:
    op.create_table(
        "follows",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("user_id", _ROW_ID, nullable=False),
        *(sa.Column(column, _ROW_ID, nullable=True) for column, _ in _SUBJECTS),
        sa.Column("followed_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(person_id IS NULL) <> (playlist_id IS NULL)", name="ck_follows_one_subject"),
        *(
            sa.ForeignKeyConstraint([column], [f"{table}.id"], name=f"fk_follows_{column}", ondelete="CASCADE")
            for column, table in (("user_id", "users"), *_SUBJECTS)
        ),
        sa.PrimaryKeyConstraint("id", name="pk_follows"),
        sqlite_autoincrement=True,
    )
    for column, _ in _SUBJECTS:
        op.create_index(f"ix_follows_{column}", "follows", [column])
        op.create_index(f"uq_follows_user_id_{column}", "follows", ["user_id", column], unique=True)
