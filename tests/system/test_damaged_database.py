"""Damage of the database is found, told in words with the way back, and never grows; copies are made and rotated."""

import random
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from streamtime.database.migrate import migrations_folder, newest_revision
from tests.people import sign_in
from tests.server import Server, StartServer, wait_until

SERVE = ("serve", "--host", "127.0.0.1", "--port", "0")
NAMED = re.compile(r"streamtime-\d{8}T\d{6}Z-[0-9a-f]{16}\.db")


def database(server: Server) -> Path:
    return server.data_dir / "streamtime.db"


def copies(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.db") if NAMED.fullmatch(path.name))


def root_page(path: Path, table: str) -> tuple[int, int]:
    """Where the first page of a table is, and how long pages are."""
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
    return (page - 1) * size, size


def scribble(path: Path, at: int, length: int) -> None:
    chance = random.Random(at)  # noqa: S311  # the same damage in every run
    with path.open("r+b") as file:
        file.seek(at)
        file.write(chance.randbytes(length))


def refused(server: Server, *command: str) -> str:
    done = server.command(*command)
    said = done.stdout + done.stderr
    assert done.returncode == 1, said
    assert "Traceback" not in said
    return said


def test_a_damaged_database_is_told_by_every_command_and_comes_back_by_its_copy(start_server: StartServer) -> None:
    server = start_server()
    server.person("ann", admin=True)
    server.restart(STREAMTIME_BACKUP__EVERY="1d")
    (copy,) = wait_until(lambda: copies(server.data_dir / "backups"), "it is copied at the start")
    assert server.stop() == 0
    good = database(server).read_bytes()
    at, size = root_page(database(server), "users")
    for begin, length in ((at, size), (0, 100), (0, size)):
        scribble(database(server), begin, length)
        for command in (SERVE, ("check",)):
            said = refused(server, *command)
            assert "damaged" in said
            assert f"streamtime restore --replace {copy}" in said
        said = refused(server, "backup", "new.tar")
        assert f"restore --replace {copy}" in said
        assert not (server.folder / "new.tar").exists()
        database(server).write_bytes(good)
    scribble(database(server), at, size)
    server.run("restore", "--replace", str(copy))
    server.start()
    assert server.person("ann").api.get("/api/v1/me").status_code == 200


def test_damage_in_the_middle_of_a_run_is_told_once_and_nothing_is_written_any_more(start_server: StartServer) -> None:
    server = start_server(STREAMTIME_BACKUP__EVERY="1d", STREAMTIME_BACKUP__CHECK_EVERY="1s")
    ann = server.person("ann", admin=True)
    assert ann.browser.get("/admin/storage").status_code == 200
    assert ann.api.get("/api/v1/me").status_code == 200
    (copy,) = wait_until(lambda: copies(server.data_dir / "backups"), "it is copied at the start")
    with closing(sqlite3.connect(database(server), isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for table in ("audit", "timeline", "videos"):
        scribble(database(server), *root_page(database(server), table))
    visitor = server.visitor().api
    wait_until(lambda: visitor.get("/readyz").status_code == 503, "it is felt")
    said = visitor.get("/readyz").json()["database"]
    assert f"streamtime restore --replace backups/{copy.name}" in said
    assert str(server.data_dir) not in said
    assert visitor.get("/healthz").status_code == 200
    answer = ann.api.post("/api/v1/tokens", json={"label": "x"})
    assert (answer.status_code, answer.json()["code"]) == (503, "database_damaged")
    assert copy.name in answer.json()["detail"]
    page = sign_in(server.client(), "ann", ann.password)
    assert page.status_code == 503
    assert "damaged" in page.text
    assert server.stop() == 0
    assert server.log_output.count('"event": "database_damaged"') == 1
    assert "Traceback" not in server.log_output
    assert "unexpected_error" not in server.log_output


def test_copies_are_rotated_and_other_files_stay(start_server: StartServer) -> None:
    server = start_server()
    folder = server.folder / "elsewhere"
    folder.mkdir()
    others = ["streamtime-1700000000000.db", "mine.db", "streamtime-20260101T000000Z.db", "notes.txt"]
    for name in others:
        (folder / name).write_bytes(b"mine")
    (folder / ".streamtime.partial-copy").write_bytes(b"broken off")
    server.restart(STREAMTIME_BACKUP__EVERY="1s", STREAMTIME_BACKUP__KEEP="2", STREAMTIME_BACKUP__TO=str(folder))
    ann = server.person("ann", admin=True)
    seen: set[Path] = set()

    def several() -> bool:
        seen.update(copies(folder))
        return len(seen) >= 4

    wait_until(several, "four were made")
    server.kill()
    left = copies(folder)
    assert len(left) <= 3, "the third is there until the first is gone"
    for copy in left:
        assert "ok, schema" in server.run("verify", str(copy))
        assert copy.stat().st_mode & 0o077 == 0
    assert [(folder / name).read_bytes() for name in others] == [b"mine"] * 4
    server.start()

    def shown() -> bool:
        before = copies(folder)
        page = ann.browser.get("/admin/storage").text
        return any(copy.name in page for copy in [*before, *copies(folder)])

    wait_until(shown, "the page shows the newest")
    assert "streamtime_database_copy_ok 1.0" in server.visitor().api.get("/metrics").text
    assert server.visitor().api.get("/readyz").json()["backup"] == "ok"


def test_a_copy_that_is_young_enough_is_not_made_again_at_a_start(start_server: StartServer) -> None:
    server = start_server(STREAMTIME_BACKUP__EVERY="1d")
    first = wait_until(lambda: copies(server.data_dir / "backups"), "it is copied at the start")
    server.restart()
    wait_until(lambda: server.visitor().api.get("/readyz").json()["backup"] == "ok", "it is ready")
    assert copies(server.data_dir / "backups") == first
    assert "ok     backup: 1 in" in server.command("check").stdout


def test_copies_that_cannot_be_made_are_told_and_nothing_else_suffers(start_server: StartServer) -> None:
    server = start_server(STREAMTIME_BACKUP__EVERY="1d", STREAMTIME_BACKUP__TO="server.lock")
    ann = server.person("ann", admin=True)
    wait_until(lambda: "database_backup_failed" in server.log_output, "it is logged")
    ready = server.visitor().api.get("/readyz")
    assert ready.status_code == 200
    assert "failed" in ready.json()["backup"]
    page = ann.browser.get("/admin/storage").text
    assert "cannot be" in page
    assert "streamtime_database_copy_ok 0.0" in server.visitor().api.get("/metrics").text
    assert "fault  backup" in server.command("check").stdout


def test_verify_finds_what_is_wrong_with_a_backup(server: Server, small_clip: Path, tmp_path: Path) -> None:
    ann, backup = server.person("ann", admin=True), tmp_path / "all.tar"
    video = ann.upload(small_clip)
    wait_until(lambda: ann.look(video)["state"] == "ready", "ready")
    server.run("backup", "--with-objects", str(backup))
    said = server.run("verify", str(backup))
    assert f"ok, schema {newest_revision(migrations_folder())}, holds" in said
    data = backup.read_bytes()
    key = next(re.finditer(rb"objects/(videos/[\w/.-]+)", data))
    flipped = bytearray(data)
    flipped[key.start() + 512 + 100] ^= 1
    for name, content in {"flipped": bytes(flipped), "short": data[:-3000], "none": b"", "noise": b"x" * 5000}.items():
        broken = tmp_path / name
        broken.write_bytes(content)
        done = server.command("verify", str(broken))
        assert done.returncode == 1
        assert "wrong: " in done.stdout
        assert "Traceback" not in done.stdout + done.stderr
    assert key[1].decode() in server.command("verify", str(tmp_path / "flipped")).stdout
