"""The bin: what is deleted is gone for everybody at once, and comes back whole; what is purged never does."""

import re
from pathlib import Path

import pytest

from tests.people import BYTES, TUS, UPLOADS, Person, upload_headers
from tests.server import Server, StartServer, wait_until

DAY_MS = 86_400_000


@pytest.fixture
def ann(shared_server: Server) -> Person:
    return shared_server.person("ann")


def ready(person: Person, video: str) -> bool:
    return str(person.look(video)["state"]) == "ready"


def addresses(person: Person, video: str) -> list[str]:
    """Everything of a video that a player asks for."""
    master = person.api.get(f"/media/{video}/master.m3u8").raise_for_status().text
    playlist = next(line for line in master.splitlines() if line.endswith(".m3u8"))
    playlist = playlist if playlist.startswith("/") else f"/media/{video}/{playlist}"
    body = person.api.get(playlist).raise_for_status().text
    folder = playlist.rpartition("/")[0]
    init = re.findall(r'URI="([^"]+)"', body)
    segments = [line for line in body.splitlines() if line and not line.startswith("#")]
    urls = person.look(video)["urls"]
    return [
        f"/media/{video}/master.m3u8",
        playlist,
        *(name if name.startswith("/") else f"{folder}/{name}" for name in [*init, *segments]),
        *(urls[name] for name in ("watch", "poster", "original")),
        *urls["mp4"].values(),
        f"/api/v1/videos/{video}",
        f"/api/v1/videos/{video}/timeline",
    ]


def statuses(person: Person, asked: list[str]) -> set[int]:
    return {person.api.get(address).status_code for address in asked}


def binned(person: Person, **query: str) -> list[str]:
    answer = person.api.get("/api/v1/videos", params={"state": "binned", "limit": "100", **query})
    return [item["id"] for item in answer.raise_for_status().json()["items"]]


def test_what_is_deleted_is_gone_everywhere_and_comes_back_as_it_was(
    shared_server: Server, ann: Person, small_clip: Path
) -> None:
    video = ann.upload(small_clip, title="To and fro", visibility="public")
    wait_until(lambda: ready(ann, video), "ready")
    before, asked = ann.look(video), addresses(ann, video)
    assert statuses(ann, asked) == {200}
    assert ann.api.delete(f"/api/v1/videos/{video}").status_code == 204
    for person in (ann, shared_server.person("admin"), shared_server.visitor()):
        assert statuses(person, asked) == {404}
    assert video in binned(ann)
    (item,) = [i for i in ann.api.get("/api/v1/videos?state=binned&limit=100").json()["items"] if i["id"] == video]
    assert item["state"] == "binned"
    assert item["gone_at"] > item["created_at"]
    assert ann.api.delete(f"/api/v1/videos/{video}").status_code == 404
    restored = ann.api.post(f"/api/v1/videos/{video}/restore")
    assert restored.status_code == 200
    after = ann.look(video)
    for name in ("title", "visibility", "state", "playable", "renditions", "duration_ms", "published_at", "gone_at"):
        assert after[name] == before[name]
    assert statuses(ann, addresses(ann, video)) == {200}
    old = [address for address in asked if address.endswith((".m4s", "init.mp4"))]
    assert old
    assert statuses(ann, old) == {404}  # who kept an address from before has been told that there is nothing
    assert ann.api.post(f"/api/v1/videos/{video}/restore").status_code == 404


def test_only_its_owner_and_admins_have_it_in_hands(shared_server: Server, ann: Person) -> None:
    video = ann.send(b"no film at all", filename="x.mp4", visibility="public")
    wait_until(lambda: ann.look(video)["state"] == "failed", "failed")
    ann.api.delete(f"/api/v1/videos/{video}").raise_for_status()
    ben, admin = shared_server.person("ben"), shared_server.person("admin")
    for stranger in (ben, shared_server.visitor()):
        assert stranger.api.post(f"/api/v1/videos/{video}/restore").status_code == 404
        assert stranger.api.delete(f"/api/v1/videos/{video}?now=true").status_code == 404
        assert video not in binned(stranger)
        assert video not in binned(stranger, owner="ann")
    assert video not in binned(admin)
    assert video in binned(admin, owner="ann")
    assert admin.api.post(f"/api/v1/videos/{video}/restore").status_code == 200
    assert ann.look(video)["state"] == "failed"


def test_deleted_for_good_its_bytes_are_gone(server: Server) -> None:
    ann = server.person("ann")
    first = ann.send(b"no film at all", filename="x.mp4")
    second = ann.send(b"no film either", filename="y.mp4")
    for video in (first, second):
        wait_until(lambda: ann.look(video)["state"] == "failed", "failed")  # noqa: B023  # looked at in this turn
    assert ann.api.delete(f"/api/v1/videos/{first}?now=true").status_code == 204
    assert ann.api.delete(f"/api/v1/videos/{second}").status_code == 204
    assert binned(ann) == [second]
    wait_until(
        lambda: len(server.files("spool")) + len(server.files("objects/videos")) == 1, "the bytes of one are gone"
    )
    assert ann.api.delete(f"/api/v1/videos/{second}?now=true").status_code == 204
    assert binned(ann) == []
    wait_until(lambda: not server.files("spool") and not server.files("objects/videos"), "the bytes of both are gone")
    assert ann.api.get("/api/v1/me").json()["quota"]["used"] == 0


def test_an_unfinished_upload_goes_at_once(server: Server) -> None:
    ann = server.person("ann")
    at = ann.begin(100_000, filename="x.mp4")
    ann.append(at, 0, bytes(50_000))
    video = ann.api.head(at, headers=TUS).headers["Streamtime-Video"]
    assert ann.api.delete(f"/api/v1/videos/{video}").status_code == 204
    assert binned(ann) == []
    assert ann.api.head(at, headers=TUS).status_code == 404
    wait_until(lambda: not server.files("spool"), "its bytes are gone")


def test_what_was_in_work_is_queued_again(server: Server, ladder_clip: Path) -> None:
    """Stopped at whatever it was doing, over a restart of the server."""
    ann = server.person("ann")
    video = ann.upload(ladder_clip, title="In work")
    ann.api.delete(f"/api/v1/videos/{video}").raise_for_status()
    server.restart()
    assert binned(ann) == [video]
    assert ann.api.post(f"/api/v1/videos/{video}/restore").json()["state"] in {"queued", "processing", "ready"}
    wait_until(lambda: ready(ann, video), "ready")
    assert ann.look(video)["renditions"]


def test_without_a_bin_what_lies_in_it_goes_at_the_next_start(server: Server) -> None:
    ann = server.person("ann")
    video = ann.send(b"no film at all", filename="x.mp4")
    wait_until(lambda: ann.look(video)["state"] == "failed", "failed")
    ann.api.delete(f"/api/v1/videos/{video}").raise_for_status()
    server.restart()
    assert binned(ann) == [video]
    server.restart(STREAMTIME_STORAGE__BIN_DAYS="0")
    wait_until(lambda: binned(ann) == [], "purged")
    wait_until(lambda: not server.files("spool") and not server.files("objects/videos"), "its bytes are gone")
    other = ann.send(b"no film at all", filename="x.mp4")
    wait_until(lambda: ann.look(other)["state"] == "failed", "failed")
    ann.api.delete(f"/api/v1/videos/{other}").raise_for_status()
    assert binned(ann) == []
    wait_until(lambda: not server.files("spool") and not server.files("objects/videos"), "its bytes are gone too")


def test_the_pages_delete_undo_and_empty(ann: Person) -> None:
    video = ann.send(b"no film at all", filename="Undo me.mp4")
    wait_until(lambda: ann.look(video)["state"] == "failed", "failed")
    signed = ann.csrf()
    assert "30 days" in ann.browser.get(f"/watch/{video}/delete").text
    gone = ann.browser.post(f"/watch/{video}/delete", headers=signed)
    assert gone.headers["Location"] == f"/library?binned={video}"
    flash = ann.browser.get(gone.headers["Location"]).text
    assert "Undo me" in flash
    assert f"/library/bin/{video}/restore" in flash
    assert "Undo me" in ann.browser.get("/library/bin").text
    back = ann.browser.post(f"/library/bin/{video}/restore", headers=signed, data={"next": "/library"})
    assert back.headers["Location"] == "/library"
    assert f"/library/bin/{video}/restore" not in ann.browser.get(f"/library?binned={video}").text
    assert ann.look(video)["state"] == "failed"
    ann.browser.post(f"/watch/{video}/delete", headers=signed)
    assert "1 video" in ann.browser.get("/library/bin/empty").text or len(binned(ann)) > 1
    assert ann.browser.post("/library/bin/empty", headers=signed).headers["Location"] == "/library/bin"
    assert binned(ann) == []
    assert "The trash is empty" in ann.browser.get("/library/bin").text


def test_the_bin_counts_against_the_quota_and_says_so(start_server: StartServer) -> None:
    server = start_server(STREAMTIME_ACCOUNTS__QUOTA="1000000 B")
    ann = server.person("ann")
    video = ann.send(bytes(600_000), filename="x.mp4")
    wait_until(lambda: ann.look(video)["state"] == "failed", "failed")
    ann.api.delete(f"/api/v1/videos/{video}").raise_for_status()
    refused = ann.api.post(UPLOADS, headers={**TUS, **upload_headers(600_000, filename="y.mp4")})
    assert (refused.status_code, refused.json()["code"]) == (413, "quota")
    assert "quota" in ann.browser.get("/library/bin").text
    ann.api.delete(f"/api/v1/videos/{video}?now=true").raise_for_status()
    begun = ann.api.post(UPLOADS, headers={**TUS, **BYTES, **upload_headers(600_000, filename="y.mp4")})
    assert begun.status_code == 201
