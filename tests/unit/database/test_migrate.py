"""Migrations: from nothing, again, from a newer version; and the schema is the one the code writes down."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from streamtime.clock import EpochMs
from streamtime.database.migrate import migrate, migrations_folder, newest_revision, present_revision
from streamtime.database.tables.schema import metadata
from streamtime.errors import ConfigError

NOW = EpochMs(1_700_000_000_000)


def test_an_empty_directory_gets_the_newest_schema_once(tmp_path: Path) -> None:
    path = tmp_path / "streamtime.db"
    assert present_revision(path) is None
    assert migrate(path, now_ms=NOW)
    assert present_revision(path) == newest_revision(migrations_folder())
    assert not migrate(path, now_ms=NOW)
    assert not (tmp_path / "backups").exists(), "nothing was there to copy"


@pytest.mark.filterwarnings("ignore:.*expression-based index")  # they are compared as SQL
def test_the_migrations_make_exactly_what_the_code_writes_down(tmp_path: Path) -> None:
    path = tmp_path / "streamtime.db"
    migrate(path, now_ms=NOW)
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        ours = {"include_name": lambda name, kind, _parents: kind != "table" or "_fts" not in str(name)}
        assert compare_metadata(MigrationContext.configure(connection, opts=ours), metadata) == []
    engine.dispose()
    assert index_statements(path) == index_statements(written_down(tmp_path / "other.db"))


def written_down(path: Path) -> Path:
    """A database made from the code, without migrations."""
    engine = create_engine(f"sqlite:///{path}")
    metadata.create_all(engine)
    engine.dispose()
    return path


def index_statements(path: Path) -> set[str]:
    """The definitions of all indexes: expressions and conditions too, which SQLAlchemy does not compare."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL")
        return {row[0] for row in rows}


def test_a_database_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "streamtime.db"
    migrate(path, now_ms=NOW)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(ConfigError, match="newer Streamtime"):
        migrate(path, now_ms=NOW)
    assert present_revision(path) == "9999"


def test_an_older_database_is_copied_before_it_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "streamtime.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT PRIMARY KEY)")
        connection.execute("INSERT INTO alembic_version VALUES ('0000')")
        connection.execute("CREATE TABLE kept (word TEXT)")
        connection.execute("INSERT INTO kept VALUES ('precious')")
        connection.commit()
    # There is no revision 0000, so the migration itself cannot work; the copy is made before it is tried.
    with pytest.raises(Exception, match="0000"):
        migrate(path, now_ms=NOW)
    copy = tmp_path / "backups" / f"streamtime-{NOW}.db"
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT word FROM kept").fetchone() == ("precious",)


def test_a_file_that_is_no_database_is_refused_in_words_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "streamtime.db"
    path.write_text("Dear diary, today I saved this under the wrong name.\n" * 20)
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="cannot be used: file is not a database"):
        migrate(path, now_ms=NOW)
    assert path.read_bytes() == before


def test_a_locked_database_is_not_taken_for_an_empty_one(tmp_path: Path) -> None:
    path = tmp_path / "streamtime.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as stranger:
        stranger.execute("CREATE TABLE alembic_version (version_num TEXT PRIMARY KEY)")
        stranger.execute("INSERT INTO alembic_version VALUES ('0001')")
        stranger.execute("BEGIN EXCLUSIVE")
        with pytest.raises(ConfigError, match="cannot be used: database is locked"):
            present_revision(path)


@pytest.mark.parametrize("name", ["My #1 films", "what?", "100%25", "\u00fcber & \u8def"])
def test_a_folder_may_have_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name / "streamtime.db"
    path.parent.mkdir()
    assert migrate(path, now_ms=NOW)
    assert present_revision(path) == newest_revision(migrations_folder())
    assert [found.name for found in tmp_path.iterdir()] == [name]


def test_a_change_of_anything_searchable_marks_the_video(tmp_path: Path) -> None:
    path = tmp_path / "streamtime.db"
    migrate(path, now_ms=NOW)
    changes = {
        "the video": (
            "INSERT INTO videos (id, public_id, owner_id, title, title_folded, state, visibility, storage_prefix,"
            " source_name, created_at_ms) VALUES (7, 'v', 1, 't', 't', 'queued', 'private', 'p', 's', 0)"
        ),
        "title": "UPDATE videos SET title = 'new'",
        "description": "UPDATE videos SET description = 'new'",
        "file name": "UPDATE videos SET source_name = 'new'",
        "guest": "UPDATE videos SET guest_name = 'new'",
        "purged": "UPDATE videos SET purged_at_ms = 1",
        "a tag": "INSERT INTO video_tags VALUES (7, 'x', 'X', 0)",
        "the tag": "UPDATE video_tags SET tag = 'y'",
        "no tag": "DELETE FROM video_tags",
        "a chapter": "INSERT INTO chapters VALUES (7, 0, 0, 1, 'x')",
        "the chapter": "UPDATE chapters SET title = 'y'",
        "no chapter": "DELETE FROM chapters",
        "captions": (
            "INSERT INTO captions (id, video_id, name, language, label, origin, cues, created_at_ms)"
            " VALUES (1, 7, 'en', 'en', 'E', 'upload', 1, 0)"
        ),
        "the captions": "UPDATE captions SET webvtt = x'00'",
        "no captions": "DELETE FROM captions",
        "a person's name": "UPDATE users SET display_name = 'new'",
        "no video": "DELETE FROM videos",
    }
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "INSERT INTO users (id, public_id, name, name_folded, role, password_hash, created_at_ms)"
            " VALUES (1, 'u', 'ada', 'ada', 'member', '-', 0)"
        )
        for what, change in changes.items():
            connection.execute("DELETE FROM search_pending")
            connection.execute(change)
            marked = connection.execute("SELECT video_id FROM search_pending").fetchall()
            assert marked == [(7,)], what
