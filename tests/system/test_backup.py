"""A backup is made while a server works, and brings everything back; what it cannot bring back it names."""

import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.people import Person
from tests.server import Server, running_server, wait_until
from tests.system.player import audio_playlists, decode, fetch, video_playlists


@pytest.fixture
def other() -> Iterator[Server]:
    """Another data directory, on which no server runs yet."""
    with running_server(started=False) as made:
        yield made


def ready(person: Person, video: str) -> None:
    wait_until(lambda: person.look(video)["state"] == "ready", "it is ready")


def plays(person: Person, video: str) -> None:
    """Every byte of every rendition can be had."""
    master = person.look(video)["urls"]["master"]
    for track in [*video_playlists(person.browser, master), *audio_playlists(person.browser, master)]:
        assert decode(fetch(person.browser, track)).frames


def moved(server: Server, name: str, person: Person) -> Person:
    """The same person in front of another server that knows them."""
    found = Person(server, name)
    found.__dict__["token"] = person.token
    return found


def test_a_whole_copy_made_beside_work_brings_everything_back(
    server: Server, other: Server, small_clip: Path, ladder_clip: Path, tmp_path: Path
) -> None:
    ann, backup = server.person("ann", admin=True), tmp_path / "all.tar"
    first = ann.upload(small_clip, title="First")
    ready(ann, first)
    second = ann.upload(ladder_clip, title="Second")
    begun = ann.begin(100_000, filename="begun.mp4")
    ann.append(begun, 0, b"x" * 40_000)
    done = server.command("backup", "--with-objects", str(backup))  # the second video is being prepared
    assert done.returncode == 0, done.stderr
    assert "Copying objects" in done.stderr
    assert oct(backup.stat().st_mode)[-3:] == "600"
    assert server.command("backup", str(backup)).returncode == 1
    other.run("restore", str(backup))
    other.start()
    there = moved(other, "ann", ann)
    for video in (first, second):
        ready(there, video)
        plays(there, video)
    assert there.offset(begun) == 40_000
    there.append(begun, 40_000, b"x" * 60_000).raise_for_status()
    assert other.command("gc").returncode == 0


def test_an_older_backup_purges_nothing_of_a_newer_store(server: Server, small_clip: Path, tmp_path: Path) -> None:
    ann, backup = server.person("ann", admin=True), tmp_path / "old.tar"
    kept, gone = ann.upload(small_clip, title="Kept"), ann.upload(small_clip, title="Deleted later")
    for video in (kept, gone):
        ready(ann, video)
    wait_until(lambda: not server.files("spool"), "all has settled")
    server.run("backup", str(backup))
    newer = ann.upload(small_clip, title="Newer")
    ready(ann, newer)
    wait_until(lambda: not server.files("spool"), "all has settled")
    assert server.stop() == 0
    before = server.files("objects")
    refused = server.command("restore", str(backup))
    assert refused.returncode == 1
    assert "--replace" in refused.stderr
    said = server.run("restore", "--replace", str(backup))
    assert "gc --take-over" in said
    assert [path.name for path in (server.data_dir / "backups").glob("*-before-restore-*.db")]
    server.start()
    assert {video["title"] for video in ann.api.get("/api/v1/videos").json()["items"]} == {"Kept", "Deleted later"}
    plays(ann, kept)
    ann.api.delete(f"/api/v1/videos/{gone}?now=true").raise_for_status()
    done = server.command("gc")
    assert done.returncode == 1
    assert "belongs to another deployment, or to this one before a restore" in done.stdout
    assert server.files("objects") == before
    assert server.command("gc", "--take-over").returncode == 0
    assert len(server.files("objects")) < len(before)


def test_what_is_missing_is_named_and_its_video_says_so(server: Server, small_clip: Path, tmp_path: Path) -> None:
    ann, backup = server.person("ann", admin=True), tmp_path / "rows.tar"
    video = ann.upload(small_clip, title="Half of it")
    ready(ann, video)
    wait_until(lambda: not server.files("spool"), "all has settled")
    server.run("backup", str(backup))
    assert server.stop() == 0
    shutil.rmtree(server.data_dir)
    refused = server.command("restore", str(backup))
    assert refused.returncode == 1
    assert "missing: Half of it: source" in refused.stderr
    assert not (server.data_dir / "streamtime.db").exists()
    done = server.command("restore", "--allow-missing", str(backup))
    assert done.returncode == 0, done.stderr
    server.start()
    page = ann.browser.get(f"/watch/{video}/history").text
    assert "Damaged. It is missing from the store." in page
    assert "Half of it" in ann.browser.get("/admin/storage").text


def test_a_backup_that_cannot_be_restored_is_refused_in_words(server: Server, other: Server, tmp_path: Path) -> None:
    backup = tmp_path / "good.tar"
    server.person("ann", admin=True)
    server.run("backup", str(backup))
    short = tmp_path / "short.tar"
    short.write_bytes(backup.read_bytes()[:20_000])
    done = other.command("restore", str(short))
    assert done.returncode == 1
    assert done.stderr.startswith("streamtime: ")
    assert "broken off" in done.stderr
    assert not (other.data_dir / "streamtime.db").exists()
    newer = tmp_path / "newer.tar"
    rewritten(backup, newer, schema="9999")
    assert "newer Streamtime" in other.command("restore", str(newer)).stderr
    assert other.files("spool") == other.files("objects") == []


def rewritten(backup: Path, target: Path, **changes: object) -> None:
    """The same backup with another manifest."""
    with tarfile.open(backup) as tar, tarfile.open(target, "w") as made:
        for member in tar.getmembers():
            source = tar.extractfile(member)
            assert source is not None
            if member.name == "manifest.json":
                data = json.dumps({**json.load(source), **changes}).encode()
                path = target.with_suffix(".json")
                path.write_bytes(data)
                made.add(path, member.name)
            else:
                made.addfile(member, source)
