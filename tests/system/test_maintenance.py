"""Storage maintenance as people meet it: `gc`, the storage page, metrics, damage on a video's page."""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.people import Person
from tests.server import Server, StartServer, wait_until
from tests.system.player import decode, fetch, video_playlists

QUICK = {
    "STREAMTIME_STORAGE__STRAY_AGE": "0s",
    "STREAMTIME_STORAGE__ASIDE_FOR": "0s",
    "STREAMTIME_STORAGE__RECONCILE_EVERY": "1s",
}


def settled(server: Server) -> None:
    wait_until(lambda: not server.files("spool"), "all has settled")


def stored_key(server: Server, rendition: str) -> str:
    """Where a rendition of the only video lies."""
    query = """SELECT key FROM objects JOIN rendition_parts ON object_id = objects.id
        JOIN renditions ON renditions.id = rendition_id WHERE name = ?"""
    with closing(sqlite3.connect(server.data_dir / "streamtime.db")) as connection:
        (key,) = connection.execute(query, (rendition,)).fetchone()
    return str(key)


def send(person: Person, path: str) -> None:
    """Press the button of a form."""
    assert person.browser.post(path, headers=person.csrf()).status_code == 303


def test_gc_says_what_it_would_do_and_does_it(server: Server, small_clip: Path) -> None:
    ann = server.person("ann", admin=True)
    video = ann.upload(small_clip)
    wait_until(lambda: ann.look(video)["state"] == "ready", "it is ready")
    settled(server)
    assert server.run("gc", "--dry-run").splitlines()[0] == "would be deleted: 0 objects, 0 bytes"
    stray = server.data_dir / "objects" / "videos" / "gone" / "stray.mp4"
    stray.parent.mkdir()
    stray.write_bytes(b"x")
    assert "1 orphaned and watched" in server.run("gc")  # beside the server
    assert server.stop() == 0
    assert "1 orphaned and watched" in server.run("gc")  # without one
    (server.data_dir / "objects" / "deployment" / "marker").unlink()
    done = server.command("gc")
    assert done.returncode == 1
    assert "local: refused: The store local has lost its store id" in done.stdout
    assert "lost its store id" in server.command("check").stdout
    server.run("gc", "--take-over")
    assert server.run("gc").count("refused") == 0


def test_a_server_puts_strays_aside_by_itself_and_deletes_them(start_server: StartServer, small_clip: Path) -> None:
    server = start_server(**QUICK)
    ann = server.person("ann", admin=True)
    video = ann.upload(small_clip)
    wait_until(lambda: ann.look(video)["state"] == "ready", "it is ready")
    settled(server)
    kept = server.files("objects")
    folder = server.data_dir / "objects" / "videos" / "crowd"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.mp4").write_bytes(b"x")
    page = wait_until(lambda: "too many for leftovers" in ann.browser.get("/admin/storage").text, "it is refused")
    assert page
    server.run("gc", "--take-over")
    wait_until(lambda: server.files("objects") == kept, "they are gone")
    numbers = ann.api.get("/metrics").text
    assert re.search(r'^streamtime_upkeep_age_seconds\{task="reconcile"\} ', numbers, re.MULTILINE)
    assert re.search(r'^streamtime_store_ok\{store="local"\} 1\.0$', numbers, re.MULTILINE)


def test_a_damaged_rendition_is_found_told_and_made_again(start_server: StartServer, ladder_clip: Path) -> None:
    server = start_server(STREAMTIME_STORAGE__SCRUB_EVERY="1s")
    ann = server.person("ann", admin=True)
    video = ann.upload(ladder_clip, title="Hurt")
    wait_until(lambda: ann.look(video)["state"] == "ready", "it is ready")
    settled(server)
    encoded = min(ann.look(video)["renditions"], key=lambda name: int(name[:-1]))
    smallest = server.data_dir / "objects" / stored_key(server, encoded)
    data = bytearray(smallest.read_bytes())
    data[len(data) // 2] ^= 255
    smallest.write_bytes(data)

    def told() -> bool:
        send(ann, "/admin/storage/scrub")
        events = ann.api.get(f"/api/v1/videos/{video}/timeline").json()["events"]
        return any(event["event"] == "damaged" and encoded in event["message"] for event in events)

    wait_until(told, "the damage is told")
    assert "Its bytes are not those that were written." in ann.browser.get("/admin/storage").text
    page = ann.browser.get(f"/watch/{video}/history").text
    assert f'action="/watch/{video}/history/{encoded}"' in page
    send(ann, f"/watch/{video}/history/{encoded}")
    wait_until(lambda: not smallest.exists(), "the damaged one is gone")
    wait_until(lambda: ann.look(video)["state"] == "ready", "it is whole again")
    assert "Prepare again" not in ann.browser.get(f"/watch/{video}/history").text
    for variant in video_playlists(ann.browser, ann.look(video)["urls"]["master"]):
        assert decode(fetch(ann.browser, variant)).frames


@pytest.mark.parametrize("path", ["/admin/storage", "/admin/storage/collect"])
def test_the_storage_page_is_for_admins(shared_server: Server, path: str) -> None:
    bob = shared_server.person("bob-of-storage")
    method = "GET" if path == "/admin/storage" else "POST"
    assert bob.browser.request(method, path, headers=bob.csrf()).status_code == 404
    assert shared_server.visitor().browser.get("/admin/storage").status_code == 404
