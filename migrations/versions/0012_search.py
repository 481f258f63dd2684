"""The full-text index of videos, and triggers that mark a video whenever what is searched of it changes.

The server keeps the index: it reads the marked videos, and writes their folded text. All videos are marked here, so the
index of an existing library is filled when the server starts. A later migration that rebuilds one of the tables with
triggers must create its triggers again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

_MARK = "DELETE FROM search_pending WHERE video_id = {id}; INSERT INTO search_pending (video_id) VALUES ({id});"
_MARK_OWNED = (
    "DELETE FROM search_pending WHERE video_id IN (SELECT id FROM videos WHERE owner_id = new.id); "
    "INSERT INTO search_pending (video_id) SELECT id FROM videos WHERE owner_id = new.id;"
)

_TRIGGERS = {
    "videos_insert": ("INSERT ON videos", _MARK.format(id="new.id")),
    "videos_update": (
        "UPDATE OF title, description, source_name, guest_name, owner_id, purged_at_ms ON videos",
        _MARK.format(id="new.id"),
    ),
    "videos_delete": ("DELETE ON videos", _MARK.format(id="old.id")),
    "video_tags_insert": ("INSERT ON video_tags", _MARK.format(id="new.video_id")),
    "video_tags_update": ("UPDATE ON video_tags", _MARK.format(id="new.video_id")),
    "video_tags_delete": ("DELETE ON video_tags", _MARK.format(id="old.video_id")),
    "chapters_insert": ("INSERT ON chapters", _MARK.format(id="new.video_id")),
    "chapters_update": ("UPDATE ON chapters", _MARK.format(id="new.video_id")),
    "chapters_delete": ("DELETE ON chapters", _MARK.format(id="old.video_id")),
    "captions_insert": ("INSERT ON captions", _MARK.format(id="new.video_id")),
    "captions_update": ("UPDATE OF webvtt ON captions", _MARK.format(id="new.video_id")),
    "captions_delete": ("DELETE ON captions", _MARK.format(id="old.video_id")),
    "users_update": ("UPDATE OF name, display_name ON users", _MARK_OWNED),
}


def upgrade() -> None:
    op.create_table(
        "search_pending",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("video_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_search_pending"),
        sa.UniqueConstraint("video_id", name="uq_search_pending_video_id"),
        sqlite_autoincrement=True,
    )
    op.execute(
        "CREATE VIRTUAL TABLE videos_fts USING fts5("
        "title, tags, owner, chapters, description, captions, word_endings, owner_only, prefix = '1 2 3', "
        "tokenize = \"unicode61 remove_diacritics 0 categories 'L* N* M* S* Co Cn'\")"
    )
    for name, (event, body) in _TRIGGERS.items():
        op.execute(f"CREATE TRIGGER search_{name} AFTER {event} BEGIN {body} END")
    op.execute("INSERT INTO search_pending (video_id) SELECT id FROM videos ORDER BY id")
