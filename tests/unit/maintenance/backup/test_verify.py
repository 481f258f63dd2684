"""Whatever befalls the file of a backup is found, or does no harm: what would be restored is what was written."""

import hashlib
import random
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from streamtime.clock import EpochMs
from streamtime.database.migrate import migrate, migrations_folder, newest_revision
from streamtime.maintenance.backup import database_file
from streamtime.maintenance.backup.archive import (
    DATABASE,
    FORMAT,
    OBJECTS,
    BackupObject,
    Manifest,
    create_archive,
    open_archive,
)
from streamtime.maintenance.backup.automatic import AutomaticBackups
from streamtime.maintenance.backup.verify import VerifyReport, verify

NOW = EpochMs(1_700_000_000_000)
KEYS = [f"videos/a/{number}.mp4" for number in range(3)]
MUTATIONS = 150


def content(key: str) -> bytes:
    return random.Random(key).randbytes(3000)  # noqa: S311  # the same bytes in every run


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with one person and three objects."""
    path = tmp_path_factory.mktemp("rows") / "streamtime.db"
    migrate(path, now_ms=NOW)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute(
            """INSERT INTO users (id, public_id, name, name_folded, password_hash, role, created_at_ms)
               VALUES (1, 'p', 'ann', 'ann', 'x', 'admin', 0)"""
        )
        for number, key in enumerate(KEYS):
            connection.execute(
                """INSERT INTO objects (id, store, key, state, kind, owner_id, bytes, sha256, created_at_ms)
                   VALUES (?, 'local', ?, 'live', 'source', 1, 3000, ?, 0)""",
                (number + 1, key, hashlib.sha256(content(key)).digest()),
            )
    return path


@pytest.fixture(scope="module")
def backup(rows: Path) -> Path:
    path = rows.with_name("backup.tar")
    with create_archive(path, force=True) as archive:
        database = archive.add(DATABASE, rows, at_s=0)
        held = []
        for one in database_file.referenced_objects(rows):
            archive.begin(f"{OBJECTS}{one.key}", one.bytes, at_s=0)
            archive.write(content(one.key))
            archive.end()
            held.append(BackupObject(one.id, one.store, one.key, one.kind, one.state, one.bytes, one.sha256, held=True))
        schema = newest_revision(migrations_folder())
        archive.finish(Manifest(FORMAT, "1", schema, "marker", 0, True, database, held))  # as the struct has it
    return path


def verified(path: Path, folder: Path) -> VerifyReport:
    scratch = folder / "scratch"
    scratch.mkdir(exist_ok=True)
    found = verify(path, scratch, lambda *_: None, now_ms=NOW)
    for left in scratch.iterdir():
        left.unlink()
    return found


def restored(path: Path, folder: Path) -> list[bytes]:
    """All that would come out of a backup."""
    target = folder / "out.db"
    with open_archive(path) as reader:
        reader.save_database(target)
        found = [target.read_bytes(), *(b"".join(reader.read(f"{OBJECTS}{key}")) for key in KEYS)]
    target.unlink()
    return found


def mutated(data: bytes, chance: random.Random) -> bytes:
    """Some bits flipped, a stretch overwritten, an end cut off, a part left out or doubled."""
    at = chance.randrange(len(data))
    match chance.randrange(5):
        case 0:
            return data[:at] + bytes([data[at] ^ (1 << chance.randrange(8))]) + data[at + 1 :]
        case 1:
            return (data[:at] + chance.randbytes(chance.randrange(1, 700)) + data[at:])[: len(data)]
        case 2:
            return data[:at]
        case 3:
            return data[:at] + data[at + chance.randrange(1, 2000) :]
        case _:
            return data[:at] + data[max(0, at - 512) :]


def test_a_good_backup_is_well(backup: Path, tmp_path: Path) -> None:
    found = verified(backup, tmp_path)
    assert found.problems == []
    assert [one.key for one in found.included] == KEYS


def test_what_befalls_a_backup_is_found_or_does_no_harm(backup: Path, tmp_path: Path) -> None:
    chance = random.Random(20261130)  # noqa: S311  # the same mutations in every run
    data, good, path, harmless = backup.read_bytes(), restored(backup, tmp_path), tmp_path / "mutated.tar", 0
    for _ in range(MUTATIONS):
        path.write_bytes(mutated(data, chance))
        found = verified(path, tmp_path)
        assert all(len(words) < 500 for words in found.problems)
        if not found.problems:
            harmless += 1
            assert restored(path, tmp_path) == good
    assert harmless < MUTATIONS / 2


def test_what_befalls_an_automatic_copy_is_found(rows: Path, tmp_path: Path) -> None:
    copy = AutomaticBackups(rows, tmp_path / "copies", keep=1).make(now_ms=NOW).path
    data, chance = copy.read_bytes(), random.Random(20261130)  # noqa: S311  # as above
    assert verified(copy, tmp_path).problems == []
    for _ in range(MUTATIONS):
        changed = mutated(data, chance)
        if changed == data:
            continue
        copy.write_bytes(changed)
        assert verified(copy, tmp_path).problems


def test_damage_that_a_quick_look_does_not_see_is_found(rows: Path, tmp_path: Path) -> None:
    """An index without the entry of a row, and a row that names another that is not there."""
    copy = tmp_path / "copy.db"
    copy.write_bytes(rows.read_bytes())
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("PRAGMA writable_schema=ON")
        kept = connection.execute("SELECT rootpage, sql FROM sqlite_schema WHERE name = 'ix_objects_sha256'").fetchone()
        connection.execute("DELETE FROM sqlite_schema WHERE name = 'ix_objects_sha256'")
        connection.commit()
    with closing(sqlite3.connect(copy)) as connection:
        connection.execute("UPDATE objects SET sha256 = x'00'")
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute(
            "INSERT INTO sqlite_schema VALUES ('index', 'ix_objects_sha256', 'objects', ?, ?)", (kept[0], kept[1])
        )
        connection.commit()
    database_file.check(copy)
    assert any("ix_objects_sha256" in words for words in verified(copy, tmp_path).problems)
    dangling = tmp_path / "dangling.db"
    dangling.write_bytes(rows.read_bytes())
    with closing(sqlite3.connect(dangling)) as connection, connection:
        connection.execute("DELETE FROM users")
    assert any("not there" in words for words in verified(dangling, tmp_path).problems)
