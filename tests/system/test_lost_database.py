"""A database that is lost beside what it knew of: no first start, but brought back by a copy, or begun anew."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.people import Person
from tests.s3 import Bucket
from tests.server import Server, StartServer, running_server, wait_until
from tests.system.player import hashes

SERVE = ("serve", "--host", "127.0.0.1", "--port", "0")


def database(server: Server) -> Path:
    return server.data_dir / "streamtime.db"


def beside(server: Server, ending: str) -> Path:
    return server.data_dir / f"streamtime.db-{ending}"


def copied(server: Server) -> Path:
    """A copy of the database as the server makes them before a migration."""
    target = server.data_dir / "backups" / "streamtime-1.db"
    target.parent.mkdir(exist_ok=True)
    with closing(sqlite3.connect(database(server))) as source, closing(sqlite3.connect(target)) as made:
        source.backup(made)
    return target


def refused(server: Server, *command: str) -> str:
    done = server.command(*command)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "Setup code" not in said
    assert "Traceback" not in said
    assert len(done.stderr.splitlines()) <= 1, said
    return said


def watched(server: Server, clip: Path) -> tuple[Person, str]:
    """Somebody with one video that has settled."""
    ann = server.person("ann", admin=True)
    video = ann.upload(clip, title="Kept")
    wait_until(lambda: ann.look(video)["state"] == "ready", "ready")
    wait_until(lambda: not server.files("spool"), "all has settled")
    return ann, video


def is_gone(server: Server) -> None:
    database(server).unlink()


def is_empty(server: Server) -> None:
    database(server).write_bytes(b"")


def has_no_tables(server: Server) -> None:
    database(server).unlink()
    with closing(sqlite3.connect(database(server))) as connection:
        connection.execute("VACUUM")


def test_a_lost_database_is_no_first_start_and_comes_back_by_a_copy(server: Server, small_clip: Path) -> None:
    ann, video = watched(server, small_clip)
    played = hashes(ann.api, ann.look(video)["urls"]["master"])
    assert server.stop() == 0
    copy, before = copied(server), server.files("objects")
    commands = (SERVE, ("user", "list"), ("gc",), ("backup", "x.tar"), ("check",))
    for lose, tried in ((is_gone, commands), (is_empty, commands[:1]), (has_no_tables, commands[:1])):
        lose(server)
        for command in tried:
            said = refused(server, *command)
            assert f"streamtime restore {copy}" in said
            assert "--new-database" in said
        server.run("restore", "--replace", str(copy))
        assert "ann" in server.run("user", "list")
    server.start()
    assert not server.setup_code
    assert hashes(ann.api, ann.look(video)["urls"]["master"]) == played
    assert server.files("objects") == before
    assert [path.name for path in copy.parent.iterdir() if path.name.endswith(("-wal", "-shm"))] == []


def test_beginning_anew_is_asked_for_and_deletes_nothing(server: Server, small_clip: Path) -> None:
    watched(server, small_clip)
    assert server.stop() == 0
    database(server).write_bytes(b"")
    before = server.files("objects")
    (server.data_dir / "objects" / "deployment" / "marker").unlink()
    assert "objects holds files" in refused(server, *SERVE)
    server.set_flags("--new-database")
    server.start()
    assert server.setup_code
    assert server.stop() == 0
    assert "--new-database does nothing" in refused(server, *SERVE, "--new-database")
    server.set_flags()
    server.start()
    bob = server.person("bob", admin=True)
    video = bob.upload(small_clip, title="New")
    wait_until(lambda: bob.look(video)["state"] == "ready", "ready")
    wait_until(lambda: not server.files("spool"), "all has settled")
    done = server.command("gc")
    assert (done.returncode, "take it over" in done.stdout) == (1, True)
    assert set(before) < set(server.files("objects")), "what the new database knows nothing of stays"


def test_each_trace_of_an_earlier_database_is_named() -> None:
    traces = ("objects/videos/a/b.mp4", "objects/deployment/marker", "spool/videos/a/b", "streamtime.db-wal")
    with running_server(started=False) as server:
        for left in traces:
            path = server.data_dir / left
            path.parent.mkdir(parents=True)
            path.write_bytes(b"x")
            said = refused(server, *SERVE)
            assert "streamtime restore FILE" in said
            assert str(server.data_dir / Path(left).parts[0]) in said
            assert path.read_bytes() == b"x"
            shutil.rmtree(server.data_dir)


def test_a_first_start_is_asked_nothing(start_server: StartServer) -> None:
    server = start_server()
    assert server.setup_code
    assert server.stop() == 0
    shutil.rmtree(server.data_dir)
    for folder in ("objects", "spool", "backups", "objects/.incoming"):
        (server.data_dir / folder).mkdir(parents=True)
    database(server).touch()
    (server.data_dir / "lost+found").mkdir()
    server.start()
    assert server.setup_code


def test_a_log_without_its_database_is_not_played_into_a_restored_one(server: Server) -> None:
    server.person("ann", admin=True)
    server.kill()
    log = beside(server, "wal").read_bytes()
    assert log
    copy = copied(server)
    database(server).unlink()
    beside(server, "wal").write_bytes(log)
    assert "streamtime.db-wal holds changes" in refused(server, *SERVE)
    server.run("restore", str(copy))
    assert not beside(server, "wal").exists()
    assert list(copy.parent.glob("*-before-restore-*.db-wal"))
    assert "ann" in server.run("user", "list")


def test_a_bucket_of_an_earlier_installation_is_not_taken_for_empty(
    start_server: StartServer, bucket: Bucket, small_clip: Path
) -> None:
    server = start_server(**bucket.environ)
    watched(server, small_clip)
    assert server.stop() == 0
    shutil.rmtree(server.data_dir)
    for command in (SERVE, ("user", "list"), ("check",)):
        said = refused(server, *command)
        assert bucket.prefix in said
        assert "streamtime restore FILE" in said
