"""Who may use how much, and who uses how much: counted from what there is, refused before a byte is sent."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.people import TUS, UPLOADS, Person, upload_headers
from tests.server import Server, StartServer, wait_until

MB = 1_000_000


def create(person: Person, length: int, name: str = "x.mp4") -> httpx.Response:
    return person.api.post(UPLOADS, headers={**TUS, **upload_headers(length, filename=name)})


def test_parallel_creations_never_overrun_a_quota(server: Server) -> None:
    ann = server.person("ann")
    assert "10.0 MB" in server.run("user", "quota", "ann", "10 MB")
    assert ann.token
    clients = [server.client(Authorization=f"Bearer {ann.token}") for _ in range(24)]
    with ThreadPoolExecutor(len(clients)) as crowd:
        headers = {**TUS, **upload_headers(3 * MB, filename="x.mp4")}
        answers = list(crowd.map(lambda client: client.post(UPLOADS, headers=headers), clients))
    assert sorted({answer.status_code for answer in answers}) == [201, 413]
    assert sum(answer.status_code == 201 for answer in answers) == 3
    refused = next(answer for answer in answers if answer.status_code == 413).json()
    numbers = {name: refused[name] for name in ("limit", "used", "reserved", "left", "needed")}
    assert numbers == {"limit": 10 * MB, "used": 0, "reserved": 9 * MB, "left": MB, "needed": 3 * MB}
    assert refused["code"] == "quota"
    assert "1.0 MB left" in refused["detail"]
    standing = ann.api.get("/api/v1/me").json()["quota"]
    assert standing == {"used": 0, "reserved": 9 * MB, "limit": 10 * MB, "left": MB}
    assert ann.api.get("/api/v1/upload-config").json()["quota"] == standing
    given_up = next(answer for answer in answers if answer.status_code == 201).headers["Location"]
    assert ann.api.delete(given_up, headers=TUS).status_code == 204
    assert create(ann, 4 * MB).status_code == 201
    assert create(ann, 1).status_code == 413


def test_a_quota_is_the_configured_one_unless_somebody_has_their_own(start_server: StartServer) -> None:
    server = start_server(STREAMTIME_ACCOUNTS__QUOTA="1 MB")
    ann, ben = server.person("ann"), server.person("ben")
    assert create(ann, 2 * MB).status_code == 413
    assert "room" in server.run("user", "quota", "ann", "none")
    assert create(ann, 2 * MB).status_code == 201
    assert create(ben, 2 * MB).status_code == 413
    server.run("user", "quota", "ann", "default")
    assert ann.api.get("/api/v1/me").json()["quota"]["left"] == 0
    for nonsense in ("much", "-1", "0"):
        assert server.command("user", "quota", "ann", nonsense).returncode != 0
    assert server.command("user", "quota", "nobody", "1GB").returncode == 1
    page = ann.browser.get("/upload").text
    assert "1.0 MB" in page
    assert 'data-quota-left="0"' in page


def test_what_others_still_send_is_not_given_away(start_server: StartServer) -> None:
    folder = start_server().data_dir
    free = shutil.disk_usage(folder).free
    server = start_server(STREAMTIME_UPLOADS__MAX_SIZE="900 TiB")
    ann = server.person("ann", admin=True)
    share = free * 2 // 3
    first = create(ann, share)
    assert first.status_code == 201
    second = create(ann, share, "y.mp4")
    assert (second.status_code, second.json()["code"]) == (507, "no_space")
    assert second.json()["left"] < share
    assert "make room" in second.json()["detail"]
    ann.api.delete(first.headers["Location"], headers=TUS).raise_for_status()
    assert create(ann, share, "y.mp4").status_code == 201


def test_usage_tells_who_uses_what(server: Server, small_clip: Path) -> None:
    ann = server.person("ann")
    admin = server.person("admin", admin=True)
    video = ann.upload(small_clip, title="A clip")
    wait_until(lambda: ann.look(video)["urls"]["storyboard"], "ready, with its stills")
    other = ann.send(b"no film at all", filename="x.mp4")
    wait_until(lambda: ann.look(other)["state"] == "failed", "failed")
    ann.api.delete(f"/api/v1/videos/{other}").raise_for_status()
    create(ann, 5 * MB)
    wait_until(lambda: len(server.files("spool")) == 1, "all but the unfinished upload has settled")
    mine = ann.api.get("/api/v1/me/usage").json()
    usage = mine["usage"]
    assert usage["originals"] == small_clip.stat().st_size
    assert usage["renditions"] > 0
    assert usage["stills"] > 0
    assert usage["bin"] == len(b"no film at all")
    assert usage["unfinished"] == 5 * MB
    assert usage["total"] == sum(usage[kind] for kind in ("originals", "renditions", "stills", "bin", "unfinished"))
    on_disk = sum(path.stat().st_size for path in server.files("objects/videos"))
    assert usage["total"] - 5 * MB == on_disk
    assert [large["id"] for large in mine["largest"]] == [video]
    everybody = admin.api.get("/api/v1/usage").json()
    assert {person["owner"]: person["total"] for person in everybody["people"]} == {"ann": usage["total"], "admin": 0}
    assert ann.api.get("/api/v1/usage").status_code == 403
    assert server.visitor().api.get("/api/v1/me/usage").status_code == 401
    assert "A clip" in ann.browser.get("/settings/space").text
    assert "A clip" in admin.browser.get("/admin/space").text
    assert ann.browser.get("/admin/space").status_code == 404


@pytest.mark.parametrize("address", ["/settings/space", "/library/bin", "/admin/space"])
def test_nobody_sees_them_without_an_account(shared_server: Server, address: str) -> None:
    assert shared_server.visitor().browser.get(address).status_code in {303, 404}
