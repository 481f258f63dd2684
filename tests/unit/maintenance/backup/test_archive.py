"""The file of a backup is there whole or not at all, and never takes another's place unasked."""

from pathlib import Path

import pytest

from streamtime.errors import Conflict, Invalid
from streamtime.maintenance.backup.archive import (
    DATABASE,
    FORMAT,
    OBJECTS,
    BackupObject,
    Manifest,
    StoredFile,
    create_archive,
    open_archive,
)

KEY = "videos/a/720p.mp4"


def manifest(database: StoredFile, *, version: int = FORMAT) -> Manifest:
    one = BackupObject(1, "local", KEY, "rendition", "live", 5, None, held=True)
    return Manifest(version, "1", "0008", "marker", 0, True, database, [one])  # as the struct has it


def write(path: Path, source: Path, *, force: bool = False, version: int = FORMAT) -> None:
    with create_archive(path, force=force) as archive:
        database = archive.add(DATABASE, source, at_s=0)
        archive.begin(f"{OBJECTS}{KEY}", 5, at_s=0)
        archive.write(b"hel")
        archive.write(b"lo")
        archive.end()
        archive.finish(manifest(database, version=version))


def write_short(path: Path, source: Path) -> None:
    with create_archive(path, force=False) as archive:
        archive.add(DATABASE, source, at_s=0)
        archive.begin("objects/a", 5, at_s=0)
        archive.write(b"hel")
        archive.end()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "rows.db"
    path.write_bytes(b"rows" * 1000)
    return path


def test_what_was_written_is_read(tmp_path: Path, source: Path) -> None:
    path = tmp_path / "backup.tar"
    write(path, source)
    with open_archive(path) as archive:
        archive.save(DATABASE, archive.manifest.database, tmp_path / "copy.db")
        assert b"".join(archive.read(f"{OBJECTS}{KEY}")) == b"hello"
        with pytest.raises(Invalid, match="damaged"):
            b"".join(archive.read("objects/other"))
    assert (tmp_path / "copy.db").read_bytes() == source.read_bytes()


def test_one_that_breaks_off_leaves_nothing(tmp_path: Path, source: Path) -> None:
    with pytest.raises(Invalid, match="too early"):
        write_short(tmp_path / "backup.tar", source)
    assert [path.name for path in tmp_path.iterdir()] == ["rows.db"]


def test_a_file_that_is_there_stays_unless_it_is_to_be_replaced(tmp_path: Path, source: Path) -> None:
    path = tmp_path / "backup.tar"
    path.write_bytes(b"mine")
    with pytest.raises(Conflict, match="--force"):
        write(path, source)
    assert path.read_bytes() == b"mine"
    write(path, source, force=True)
    with open_archive(path) as archive:
        assert archive.manifest.marker == "marker"


def test_one_of_a_newer_format_is_refused(tmp_path: Path, source: Path) -> None:
    write(tmp_path / "backup.tar", source, version=FORMAT + 1)
    with pytest.raises(Invalid, match=f"format {FORMAT + 1}"), open_archive(tmp_path / "backup.tar"):
        pass


def test_what_could_not_be_read_is_made_up_for_so_that_the_rest_is_whole(tmp_path: Path, source: Path) -> None:
    path = tmp_path / "backup.tar"
    with create_archive(path, force=False) as archive:
        database = archive.add(DATABASE, source, at_s=0)
        archive.begin("objects/short", 2000, at_s=0)
        archive.write(b"x" * 700)
        archive.pad()
        archive.finish(manifest(database))
    with open_archive(path) as reader:
        assert reader.manifest.database == database


@pytest.mark.parametrize("broken", ["short", "shorter", "empty", "noise", "flipped"])
def test_a_file_that_is_no_whole_backup_is_refused_in_words(tmp_path: Path, source: Path, broken: str) -> None:
    path = tmp_path / "backup.tar"
    write(path, source)
    data = path.read_bytes()
    flipped = data[:700] + bytes([data[700] ^ 255]) + data[701:]
    contents = {
        "short": data[: len(data) * 2 // 3],
        "shorter": data[:700],
        "empty": b"",
        "noise": b"no tar at all" * 100,
        "flipped": flipped,
    }
    path.write_bytes(contents[broken])
    with pytest.raises(Invalid, match=r"broken off|damaged"):
        save_database(path, tmp_path / "copy.db")


def save_database(path: Path, target: Path) -> None:
    with open_archive(path) as archive:
        archive.save(DATABASE, archive.manifest.database, target)
