"""The status page of administrators: the state of each part, and what to do."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.people import Person
from tests.server import Server, running_server, wait_until


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server() as server:
        yield server


@pytest.fixture(scope="module")
def admin(server: Server) -> Person:
    return server.person("admin", admin=True)


def parts(admin: Person) -> dict[str, dict[str, Any]]:
    body = admin.api.get("/api/v1/admin/status").raise_for_status().json()
    return {item["key"]: item for item in body["items"]}


def test_a_new_server_is_well(server: Server, admin: Person) -> None:
    found = parts(admin)
    assert {key: item["text"] for key, item in found.items() if item["level"] == "fault"} == {}
    assert {"server", "database", "store-local", "store-spool", "space", "workers", "tasks", "clock"} <= {*found}
    assert found["jobs"]["text"] == "0 running, 0 waiting, 0 failed since yesterday."
    assert "Set backup.every" in found["backup"]["advice"], "servers of tests make no copies"
    assert "free" in found["space"]["text"]
    page = admin.browser.get("/admin").text
    assert all(item["name"] in page for item in found.values())
    bob = server.person("bob")
    assert bob.browser.get("/admin").status_code == 404
    assert 'href="/admin"' not in bob.browser.get("/explore").text
    assert 'href="/admin"' in admin.browser.get("/explore").text


def test_what_needs_attention_comes_first_with_advice(server: Server, admin: Person, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a video")
    video = admin.upload(broken)
    wait_until(lambda: admin.look(video)["state"] == "failed", "failed")
    with closing(sqlite3.connect(server.data_dir / "streamtime.db", timeout=30)) as database, database:
        later = "UPDATE objects SET created_at_ms = created_at_ms + ?, damage = 'missing' WHERE kind = 'source'"
        assert database.execute(later, (3 * 86_400_000,)).rowcount == 1
    found = parts(admin)
    assert (found["jobs"]["level"], found["jobs"]["advice"]) == ("warning", "See why, and try again.")
    assert (found["clock"]["level"], found["damage"]["level"]) == ("fault", "fault")
    assert "2 days behind" in found["clock"]["text"]
    assert admin.api.get("/api/v1/admin/status").json()["level"] == "fault"
    page = admin.browser.get("/admin").text
    assert "Everything works" not in page
    head = page[: page.index('id="status-parts"')]
    assert all(found[key]["advice"] in head for key in ("clock", "damage", "jobs"))
    assert head.index(found["clock"]["advice"]) < head.index(found["jobs"]["advice"])


def test_the_space_of_the_last_days_is_shown_with_its_end(server: Server, admin: Person) -> None:
    wait_until(lambda: admin.api.get("/api/v1/admin/status").json()["disk_days"], "today is recorded")
    (today,) = admin.api.get("/api/v1/admin/status").json()["disk_days"]
    assert 0 < today["free"] < today["total"]
    assert "disk-chart" not in admin.browser.get("/admin").text, "one day is no trend"
    with closing(sqlite3.connect(server.data_dir / "streamtime.db", timeout=30)) as database, database:
        database.executemany(
            "INSERT INTO disk_days SELECT date(day, ?), free_bytes + ?, total_bytes, 0 FROM disk_days WHERE day = ?",
            [(f"-{ago} days", ago * (today["free"] // 50), today["day"]) for ago in range(1, 20)],
        )
    status = admin.api.get("/api/v1/admin/status").json()
    assert len(status["disk_days"]) == 20
    assert status["full_in_days"] in {49, 50}
    assert "full in about" in parts(admin)["space"]["text"]
    page = admin.browser.get("/admin").text
    assert "disk-chart" in page
    assert "It is full in about" in page


def test_the_command_reads_the_same_beside_the_server_and_without_it() -> None:
    with running_server() as server:
        done = server.command("status")
        assert done.returncode == 0, done.stdout
        lines = done.stdout.splitlines()
        assert lines[0] == "ok       Server: It has been running for less than a minute."
        assert "ok       Local disk: 0 objects, 0 bytes." in lines
        assert "warning  Backup: No copies of the database are made." in lines
        found = json.loads(server.run("status", "--json"))
        assert (found["running"], found["level"]) == (True, "warning")
        assert {"database", "workers", "space"} <= {item["key"] for item in found["items"]}
        gone = server.data_dir / "elsewhere"
        (server.data_dir / "objects").rename(gone)
        admin = server.person("boss", admin=True)
        assert "is not there" in parts(admin)["store-local"]["text"]
        assert "The folder objects" in server.command("status").stderr
        gone.rename(server.data_dir / "objects")
        (server.data_dir / "spool").rename(gone)
        assert parts(admin)["store-local"]["level"] == "ok"
        assert (parts(admin)["store-spool"]["level"], parts(admin)["space"]["level"]) == ("fault", "fault")
        gone.rename(server.data_dir / "spool")
        server.stop()
        stopped = server.command("status")
        assert (stopped.returncode, stopped.stdout.splitlines()[0]) == (1, "fault    Server: It is not running.")
        assert json.loads(server.command("status", "--json").stdout)["running"] is False
