"""Stills: storyboards, previews, and the moment that an owner chose for the poster."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _allow_kinds("source", "rendition", "poster", "storyboard", "preview")
    op.create_table(
        "stills",
        sa.Column("video_id", ID, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("object_id", ID, nullable=False),
        sa.CheckConstraint("kind IN ('storyboard', 'preview')", name=op.f("ck_stills_kind_known")),
        sa.ForeignKeyConstraint(["object_id"], ["objects.id"], name="fk_stills_object_id"),
        sa.ForeignKeyConstraint(["video_id"], ["videos.id"], name="fk_stills_video_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("video_id", "kind", "number", name="pk_stills"),
        sa.UniqueConstraint("object_id", name="uq_stills_object_id"),
    )
    op.add_column("videos", sa.Column("poster_ms", sa.BigInteger(), nullable=True))
    op.add_column("videos", sa.Column("stills", sa.LargeBinary(), nullable=True))
    op.add_column("videos", sa.Column("stills_version", sa.Integer(), server_default=sa.text("0"), nullable=False))


def _allow_kinds(*kinds: str) -> None:
    """SQLite cannot change a check: the table is written anew, and goes on counting where it was."""
    counted = op.get_bind().execute(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'objects'")).scalar()
    listed = ", ".join(f"'{kind}'" for kind in kinds)
    with op.batch_alter_table("objects", recreate="always", copy_from=_objects(f"kind IN ({listed})")):
        pass
    op.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = 'objects'"))
    op.execute(sa.text("INSERT INTO sqlite_sequence VALUES ('objects', :seq)").bindparams(seq=counted or 0))


def _objects(kind_known: str) -> sa.Table:
    return sa.Table(
        "objects",
        sa.MetaData(),
        sa.Column("id", ID, nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("owner_id", ID, nullable=False),
        sa.Column("bytes", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("sha256", sa.LargeBinary(), nullable=True),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("state IN ('staging', 'live', 'doomed')", name=op.f("ck_objects_state_known")),
        sa.CheckConstraint(kind_known, name=op.f("ck_objects_kind_known")),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name="fk_objects_owner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_objects"),
        sa.Index("ix_objects_state_created_at_ms", "state", "created_at_ms"),
        sa.Index("uq_objects_store_key", "store", "key", unique=True),
        sqlite_autoincrement=True,
    )
