"""A restored database takes the place of the old one in one step, and the old one can be had back as it was."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from streamtime.errors import Conflict
from streamtime.maintenance.backup.database_file import replace_database


def make(path: Path, word: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE words (word TEXT)")
    connection.execute("INSERT INTO words VALUES (?)", (word,))
    return connection


def word_in(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return str(connection.execute("SELECT word FROM words").fetchone()[0])


def test_the_old_one_is_put_aside_with_all_that_was_in_its_log(tmp_path: Path) -> None:
    make(tmp_path / "streamtime.db", "old").close()
    make(tmp_path / "new.db", "new").close()
    aside = replace_database(tmp_path / "new.db", tmp_path / "streamtime.db", now_ms=7)
    assert aside == tmp_path / "backups" / "streamtime-before-restore-7.db"
    assert (word_in(tmp_path / "streamtime.db"), word_in(aside)) == ("new", "old")
    assert not (tmp_path / "streamtime.db-wal").exists()


def test_a_damaged_one_is_put_aside_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "streamtime.db").write_bytes(b"no database")
    (tmp_path / "streamtime.db-wal").write_bytes(b"its log")
    make(tmp_path / "new.db", "new").close()
    aside = replace_database(tmp_path / "new.db", tmp_path / "streamtime.db", now_ms=7)
    assert aside is not None
    assert aside.read_bytes() == b"no database"
    assert aside.with_name(f"{aside.name}-wal").read_bytes() == b"its log"
    assert word_in(tmp_path / "streamtime.db") == "new"


def test_one_that_somebody_works_on_is_left_alone(tmp_path: Path) -> None:
    make(tmp_path / "new.db", "new").close()
    with closing(make(tmp_path / "streamtime.db", "old")) as busy:
        busy.execute("BEGIN IMMEDIATE")
        busy.execute("INSERT INTO words VALUES ('more')")
        with pytest.raises(Conflict, match="Another command"):
            replace_database(tmp_path / "new.db", tmp_path / "streamtime.db", now_ms=7)
        busy.execute("ROLLBACK")
    assert word_in(tmp_path / "streamtime.db") == "old"
