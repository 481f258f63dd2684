"""Groups of people, and grants of videos and playlists to people and groups."""

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "groups",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("public_id", sa.Text(), nullable=False),
        sa.Column("owner_id", _ROW_ID, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("name_folded", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_groups_owner_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name="pk_groups"),
        sa.UniqueConstraint("public_id", name="uq_groups_public_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_groups_owner_id", "groups", ["owner_id"])
    op.create_index("uq_groups_owner_id_name_folded", "groups", ["owner_id", "name_folded"], unique=True)
    op.create_table(
        "group_members",
        sa.Column("group_id", _ROW_ID, nullable=False, autoincrement=False),
        sa.Column("user_id", _ROW_ID, nullable=False, autoincrement=False),
        sa.Column("added_at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_group_members_group_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_group_members_user_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("group_id", "user_id", name="pk_group_members"),
    )
    op.create_index("ix_group_members_user_id", "group_members", ["user_id", "group_id"])
    _create_grants("video")
    _create_grants("playlist", sa.Column("with_videos", sa.Boolean(), server_default=sa.text("0"), nullable=False))


def _create_grants(kind: str, *columns: sa.Column[bool]) -> None:
    table = f"{kind}_grants"
    op.create_table(
        table,
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column(f"{kind}_id", _ROW_ID, nullable=False),
        sa.Column("user_id", _ROW_ID, nullable=True),
        sa.Column("group_id", _ROW_ID, nullable=True),
        *columns,
        sa.Column("granted_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("(user_id IS NULL) <> (group_id IS NULL)", name=f"ck_{table}_one_grantee"),
        sa.ForeignKeyConstraint([f"{kind}_id"], [f"{kind}s.id"], name=f"fk_{table}_{kind}_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name=f"fk_{table}_user_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name=f"fk_{table}_group_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    )
    op.create_index(f"ix_{table}_{kind}_id", table, [f"{kind}_id"])
    for grantee in ("user_id", "group_id"):
        op.create_index(f"uq_{table}_{grantee}_{kind}_id", table, [grantee, f"{kind}_id"], unique=True)
