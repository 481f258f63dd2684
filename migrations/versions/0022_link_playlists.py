"""Share links to playlists."""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "link_playlists",
        sa.Column("link_id", _ID, nullable=False),
        sa.Column("playlist_id", _ID, nullable=False),
        sa.PrimaryKeyConstraint("link_id", name="pk_link_playlists"),
        sa.ForeignKeyConstraint(["link_id"], ["links.id"], name="fk_link_playlists_link_id", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["playlist_id"], ["playlists.id"], name="fk_link_playlists_playlist_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_link_playlists_playlist_id", "link_playlists", ["playlist_id"])
