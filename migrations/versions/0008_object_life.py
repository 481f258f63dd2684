"""A bin, quotas, uploads that expire, objects that are moved, scrubbed and reconciled."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("users", sa.Column("quota_bytes", sa.BigInteger(), nullable=True))
    op.add_column("videos", sa.Column("purged_at_ms", sa.BigInteger(), nullable=True))
    known = sa.CheckConstraint("duplicate IN ('asked', 'kept')", name="ck_videos_duplicate_known")
    op.add_column("videos", sa.Column("duplicate", sa.Text(), known, nullable=True))
    # What was deleted before there was a bin is gone for good.
    op.execute("UPDATE videos SET purged_at_ms = deleted_at_ms WHERE deleted_at_ms IS NOT NULL")
    op.create_index("ix_videos_deleted_at_ms", "videos", ["deleted_at_ms"])
    op.add_column("objects", sa.Column("scrubbed_at_ms", sa.BigInteger(), nullable=True))
    op.add_column("objects", sa.Column("damage", sa.Text(), nullable=True))
    op.create_index("ix_objects_owner_id_state", "objects", ["owner_id", "state", "kind", "bytes"])
    op.create_index("ix_objects_sha256", "objects", ["sha256"])
    op.add_column("uploads", sa.Column("client_key", sa.Text(), nullable=True))
    op.add_column("uploads", sa.Column("expires_at_ms", sa.BigInteger(), nullable=True))
    op.create_index("uq_uploads_owner_id_client_key", "uploads", ["owner_id", "client_key"], unique=True)
    op.create_table(
        "deployment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("marker", sa.Text(), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("restored_at_ms", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("id = 1", name="ck_deployment_single_row"),
        sa.PrimaryKeyConstraint("id", name="pk_deployment"),
    )
    op.create_table(
        "multiparts",
        sa.Column("object_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("upload_id", sa.Text(), nullable=False),
        sa.Column("part_bytes", sa.BigInteger(), nullable=False),
        sa.Column("parts", sa.Text(), server_default=sa.text("'[]'"), nullable=False),
        sa.Column("created_at_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["object_id"], ["objects.id"], name="fk_multiparts_object_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("object_id", "store", name="pk_multiparts"),
    )
    op.create_table(
        "strays",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("passes", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("put_aside_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("store", "key", name="pk_strays"),
    )
    op.create_table(
        "marks",
        sa.Column("store", sa.Text(), nullable=False),
        sa.Column("marked_at_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("store", name="pk_marks"),
    )
    op.create_table(
        "holds",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("until_ms", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_holds"),
    )
    op.create_table(
        "upkeep",
        sa.Column("task", sa.Text(), nullable=False),
        sa.Column("started_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("finished_at_ms", sa.BigInteger(), nullable=True),
        sa.Column("trouble", sa.Text(), server_default=sa.text("''"), nullable=False),
        sa.Column("outcome", sa.Text(), server_default=sa.text("'{}'"), nullable=False),
        sa.CheckConstraint("task IN ('collect', 'reconcile', 'scrub')", name="ck_upkeep_task_known"),
        sa.PrimaryKeyConstraint("task", name="pk_upkeep"),
    )
