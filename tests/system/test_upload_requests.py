"""Upload requests: anyone with the link uploads into the library of its owner, within limits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.multitrack_clip import make_multitrack_clip
from tests.people import BYTES, TUS, UPLOADS, Person, csrf_of, upload_headers
from tests.server import Server, running_server, wait_until


@pytest.fixture(scope="module")
def admin_server() -> Iterator[Server]:
    with running_server(
        STREAMTIME_ACCOUNTS__DEFAULT_VISIBILITY="public", STREAMTIME_ACCOUNTS__QUOTA="10 MiB"
    ) as server:
        server.person("admin", admin=True)
        yield server


@pytest.fixture(scope="module")
def owner(admin_server: Server) -> Person:
    return admin_server.person("otto")


@pytest.fixture(scope="module")
def film(clips: Path) -> bytes:
    folder = clips / "drops"
    folder.mkdir(exist_ok=True)
    return make_multitrack_clip(folder / "film.mkv", duration_s=1).read_bytes()


@pytest.fixture
def guest(admin_server: Server) -> httpx.Client:
    return admin_server.client()


def made(owner: Person, **limits: object) -> str:
    """A new link for sending; its id."""
    answer = owner.api.post("/api/v1/drops", json=limits)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def begin(client: httpx.Client, drop: str, length: int, **facts: str) -> httpx.Response:
    facts = {"filename": "a.mp4", **facts}
    return client.post(UPLOADS, headers={**TUS, **upload_headers(length, **facts), "Streamtime-Drop": drop})


def append(client: httpx.Client, at: str, data: bytes, drop: str | None, offset: int = 0) -> httpx.Response:
    headers = {**TUS, **BYTES, "Upload-Offset": str(offset), **({"Streamtime-Drop": drop} if drop else {})}
    return client.patch(at, headers=headers, content=data)


def standing(owner: Person, drop: str) -> tuple[str, int]:
    (one,) = [one for one in owner.api.get("/api/v1/drops").json() if one["id"] == drop]
    return one["state"], one["files"]


def sent_by(owner: Person, name: str) -> dict[str, Any]:
    items = owner.api.get("/api/v1/videos").json()["items"]
    (one,) = [item for item in items if item["guest_name"] == name]
    found: dict[str, Any] = one
    return found


def test_a_guest_sends_into_the_owners_library(
    admin_server: Server, owner: Person, guest: httpx.Client, film: bytes
) -> None:
    drop = made(owner, label="The wedding", days=7)
    page = guest.get(f"/drop/{drop}")
    assert page.status_code == 200
    assert page.headers["referrer-policy"] == "no-referrer"
    assert "noindex" in page.headers["x-robots-tag"]
    assert "The wedding" in page.text
    begun = begin(guest, drop, len(film), guest="Aunt\nMay", visibility="public", duplicates="ask")
    assert begun.status_code == 201
    assert "streamtime-video" not in begun.headers
    at, half = begun.headers["location"], len(film) // 2
    assert append(guest, at, film[:half], drop).status_code == 204
    asked = guest.head(at, headers={**TUS, "Streamtime-Drop": drop})
    assert asked.headers["upload-offset"] == str(half)
    ended = append(guest, at, film[half:], drop, half)
    assert ended.status_code == 204
    assert "streamtime-video" not in ended.headers
    video = sent_by(owner, "Aunt May")
    assert video["visibility"] == "private"
    wait_until(lambda: owner.look(video["id"])["state"] == "ready", "ready", within_s=90)
    assert "Aunt May" in owner.browser.get(f"/watch/{video['id']}").text
    assert guest.get(f"/watch/{video['id']}").status_code == 404
    owner.change(video["id"], visibility="public")
    assert guest.get(f"/api/v1/videos/{video['id']}").json()["guest_name"] is None
    assert "Aunt May" not in guest.get(f"/watch/{video['id']}").text
    assert drop not in admin_server.log_output


def test_an_upload_is_reached_by_its_own_link_alone(owner: Person, guest: httpx.Client, film: bytes) -> None:
    drop, other = made(owner), made(owner)
    at = begin(guest, drop, len(film)).headers["location"]
    assert append(guest, at, film, other).status_code == 404
    assert append(guest, at, film, None).status_code == 404
    assert append(owner.api, at, film, None).status_code == 404
    for headers in (TUS, {**TUS, "Streamtime-Drop": other}, {**TUS, "Streamtime-Drop": "x" * 22}):
        assert guest.head(at, headers=headers).status_code == 404
        assert guest.delete(at, headers=headers).status_code == 404
    mine = owner.begin(len(film), filename="mine.mp4")
    assert append(guest, mine, film, drop).status_code == 404
    assert guest.delete(at, headers={**TUS, "Streamtime-Drop": drop}).status_code == 204
    owner.api.delete(mine, headers=TUS)


def test_a_guests_keys_are_none_of_the_owners(owner: Person, guest: httpx.Client) -> None:
    drop, other = made(owner), made(owner)
    mine = owner.begin(100, filename="mine.mp4", client_key="same")
    first = begin(guest, drop, 100, client_key="same").headers["location"]
    assert begin(guest, drop, 100, client_key="same").headers["location"] == first
    second = begin(guest, other, 100, client_key="same").headers["location"]
    assert len({mine, first, second}) == 3
    assert standing(owner, drop) == ("live", 1)
    owner.api.delete(mine, headers=TUS)


def test_its_limits_hold(owner: Person, guest: httpx.Client) -> None:
    drop = made(owner, max_files=2, max_size=1000)
    too_big = begin(guest, drop, 1001)
    assert too_big.status_code == 413
    assert begin(guest, drop, 0).status_code == 400
    first = begin(guest, drop, 1000).headers["location"]
    assert begin(guest, drop, 10).status_code == 201
    full = begin(guest, drop, 10)
    assert full.status_code == 403
    assert full.json()["code"] == "drop_full"
    assert standing(owner, drop) == ("used", 2)
    assert "maximum number of files" in guest.get(f"/drop/{drop}").text
    # What was begun goes on, and what is given up makes room.
    assert append(guest, first, b"x" * 10, drop).status_code == 204
    assert guest.delete(first, headers={**TUS, "Streamtime-Drop": drop}).status_code == 204
    assert begin(guest, drop, 10).status_code == 201


def test_the_owners_quota_holds_and_is_not_told(owner: Person, guest: httpx.Client) -> None:
    drop = made(owner)
    refused = begin(guest, drop, 11 << 20)
    assert refused.status_code == 507
    assert {"limit", "used", "left", "reserved"}.isdisjoint(refused.json())
    assert standing(owner, drop) == ("live", 0)


def test_taken_back_it_takes_nothing_more(admin_server: Server, owner: Person, guest: httpx.Client) -> None:
    drop = made(owner, label="Not any more")
    at = begin(guest, drop, 100).headers["location"]
    assert append(guest, at, b"x" * 10, drop).status_code == 204
    assert guest.delete(f"/api/v1/drops/{drop}").status_code == 401
    assert admin_server.person("mallory").api.delete(f"/api/v1/drops/{drop}").status_code == 404
    assert owner.api.delete(f"/api/v1/drops/{drop}").status_code == 204
    assert append(guest, at, b"x" * 10, drop, 10).status_code == 404
    assert begin(guest, drop, 10).status_code == 404
    gone, never = guest.get(f"/drop/{drop}"), guest.get("/drop/" + "x" * 22)
    assert gone.status_code == never.status_code == 404
    assert gone.text == never.text
    assert owner.api.delete(f"/api/v1/drops/{drop}").status_code == 404


def test_a_drop_opens_no_other_door(owner: Person, guest: httpx.Client) -> None:
    headers = {"Streamtime-Drop": made(owner)}
    assert guest.get("/api/v1/me", headers=headers).status_code == 401
    assert guest.get("/library", headers=headers).status_code == 303
    assert guest.post("/api/v1/links", headers=headers, json={"videos": ["x"]}).status_code == 401
    assert guest.post("/api/v1/drops", headers=headers, json={}).status_code == 401


def test_its_owner_makes_and_ends_it_by_forms(admin_server: Server, owner: Person, guest: httpx.Client) -> None:
    browser, headers = owner.browser, {"Origin": admin_server.url}
    form = {"csrf_token": csrf_of(browser.get("/settings/drops").text), "label": "By hand", "days": "1"}
    wrong = browser.post("/settings/drops", data={**form, "max_files": "0"}, headers=headers)
    assert wrong.status_code == 400
    sent = browser.post("/settings/drops", data={**form, "max_files": "3", "max_gib": "1"}, headers=headers)
    assert sent.status_code == 303
    drop = sent.headers["location"].partition("made=")[2]
    shown = browser.get(sent.headers["location"]).text
    assert "<svg" in shown
    assert "0 of 3 files" in shown
    assert guest.get(f"/drop/{drop}").status_code == 200
    assert browser.post(f"/settings/drops/{drop}/revoke", data=form, headers=headers).status_code == 303
    assert guest.get(f"/drop/{drop}").status_code == 404
    assert guest.get("/settings/drops").status_code == 303
