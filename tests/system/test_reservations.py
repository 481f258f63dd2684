"""Room that uploads reserve: shared by halves, lapsing without bytes, reserved anew by going on, never overrun."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import httpx

from tests.people import BYTES, TUS, UPLOADS, Person, csrf_of, upload_headers
from tests.server import Server, StartServer, wait_until

MB = 1_000_000
HUGE = {"STREAMTIME_UPLOADS__MAX_SIZE": "900 TiB"}


def create(person: Person, length: int, **headers: str) -> httpx.Response:
    return person.api.post(UPLOADS, headers={**TUS, **upload_headers(length, filename="x.mp4"), **headers})


def begun(person: Person, length: int, **headers: str) -> str:
    answer = create(person, length, **headers)
    assert answer.status_code == 201, answer.text
    return answer.headers["Location"]


def reserved_by(person: Person) -> int:
    return int(person.api.get("/api/v1/me").json()["quota"]["reserved"])


def free_of(server: Server) -> int:
    return shutil.disk_usage(server.data_dir).free


def test_members_and_links_leave_half_to_administrators(start_server: StartServer) -> None:
    server = start_server(**HUGE)
    ann, admin = server.person("ann"), server.person("admin", admin=True)
    free = free_of(server)
    for _ in range(15):
        create(ann, free // 20)
    drop = admin.api.post("/api/v1/drops", json={}).raise_for_status().json()["id"]
    by_link = {"Streamtime-Drop": drop}
    refused = create(ann, free // 10)
    assert (refused.status_code, refused.json()["code"]) == (507, "no_space")
    assert "half of what is free" in refused.json()["detail"]
    assert create(server.visitor(), free // 10, **by_link).status_code == 507
    assert admin.append(begun(admin, 47_000), 0, b"x" * 47_000).status_code == 204
    assert create(admin, free // 3).status_code == 201


def test_a_reservation_without_a_byte_lapses(start_server: StartServer) -> None:
    server = start_server(**HUGE, STREAMTIME_UPLOADS__FIRST_BYTE_TIMEOUT="1s")
    ann, ben = server.person("ann"), server.person("ben")
    share = free_of(server) * 2 // 5
    at = begun(ann, share)
    wait_until(lambda: create(ben, share).status_code == 201, "the room of the first is free again")
    assert ann.offset(at) == 0


def test_going_on_reserves_anew_or_is_refused_and_keeps_what_came(start_server: StartServer) -> None:
    server = start_server(**HUGE, STREAMTIME_UPLOADS__RESERVATION_TIMEOUT="1s")
    ann, admin = server.person("ann"), server.person("admin", admin=True)
    share = free_of(server) * 2 // 5
    at = begun(ann, share)
    assert ann.append(at, 0, b"x" * 1000).status_code == 204
    wait_until(lambda: create(admin, share * 2).status_code == 201, "the administrator has the room")
    full = ann.append(at, 1000, b"y" * 1000)
    assert (full.status_code, full.json()["code"], full.headers["Upload-Offset"]) == (507, "no_space", "1000")
    assert full.json()["needed"] == share - 1000
    assert ann.offset(at) == 1000
    given_up = admin.api.get("/api/v1/videos").json()["items"]
    for video in given_up:
        admin.api.delete(f"/api/v1/videos/{video['id']}", params={"now": "true"}).raise_for_status()
    assert ann.append(at, 1000, b"y" * 1000).status_code == 204
    assert ann.offset(at) == 2000


def test_a_quota_is_asked_again_too(start_server: StartServer) -> None:
    server = start_server(STREAMTIME_ACCOUNTS__QUOTA="10 MB", STREAMTIME_UPLOADS__RESERVATION_TIMEOUT="1s")
    ann = server.person("ann")
    at = begun(ann, 8 * MB)
    assert ann.append(at, 0, b"x" * MB).status_code == 204
    wait_until(lambda: reserved_by(ann) == MB, "only what has come is counted")
    other = begun(ann, 5 * MB)
    refused = ann.append(at, MB, b"y")
    assert (refused.status_code, refused.json()["code"], refused.headers["Upload-Offset"]) == (413, "quota", str(MB))
    assert refused.json()["left"] == 4 * MB
    assert ann.api.delete(other, headers=TUS).status_code == 204
    assert ann.append(at, MB, b"y" * (7 * MB)).status_code == 204


def test_an_empty_request_keeps_no_room(start_server: StartServer) -> None:
    server = start_server(STREAMTIME_ACCOUNTS__QUOTA="10 MB", STREAMTIME_UPLOADS__FIRST_BYTE_TIMEOUT="1s")
    ann = server.person("ann")
    at = begun(ann, 8 * MB)

    def lapsed() -> bool:
        assert ann.append(at, 0, b"").status_code == 204
        return reserved_by(ann) == 0

    wait_until(lapsed, "it lapses in spite of them")


def test_released_room_is_given_to_those_who_send_first(start_server: StartServer) -> None:
    server = start_server(STREAMTIME_ACCOUNTS__QUOTA="10 MB")
    ann, admin = server.person("ann"), server.person("admin", admin=True)
    page, form = "/admin/storage", {"owner": "", "drop": "", "received": "no"}
    places: list[str] = []
    for _ in range(4):
        places += [begun(ann, 3 * MB) for _ in range(3)]
        text = admin.browser.get(page).text
        assert "9.0 MB reserved, nothing received" in text
        before, _, _ = text.partition("9.0 MB reserved")
        assert "ann" in before[before.rindex('class="job"') :]
        form["owner"] = text.split('name="owner" value="')[1].split('"')[0]
        form["csrf_token"] = csrf_of(text)
        assert admin.browser.post(f"{page}/reservations/release", data=form).status_code == 303
        assert "nothing received" not in admin.browser.get(page).text
    clients = [server.client(Authorization=f"Bearer {ann.token}") for _ in places]
    headers = {**TUS, **BYTES, "Upload-Offset": "0"}
    with ThreadPoolExecutor(len(places)) as crowd:
        sent = crowd.map(lambda client, at: client.patch(at, headers=headers, content=b"x"), clients, places)
        statuses = sorted(answer.status_code for answer in sent)
    assert statuses == [204] * 3 + [413] * 9
    assert "received" in admin.browser.get(page).text
    server.restart()
    assert reserved_by(ann) == 9 * MB
    for wrong in ("", "x", "-1", "9" * 40):
        assert admin.browser.post(f"{page}/reservations/release", data={**form, "owner": wrong}).status_code == 400
    assert ann.browser.post(f"{page}/reservations/release", data={**form, **ann.csrf()}).status_code in {403, 404}


def test_a_guest_is_refused_without_numbers(start_server: StartServer) -> None:
    server = start_server(STREAMTIME_ACCOUNTS__QUOTA="10 MB", STREAMTIME_UPLOADS__RESERVATION_TIMEOUT="1s")
    ann, guest = server.person("ann"), server.visitor()
    drop = {"Streamtime-Drop": ann.api.post("/api/v1/drops", json={}).raise_for_status().json()["id"]}
    at = begun(guest, 8 * MB, **drop)
    sent = guest.api.patch(at, headers={**TUS, **BYTES, **drop, "Upload-Offset": "0"}, content=b"x" * 1000)
    assert sent.status_code == 204
    wait_until(lambda: create(ann, 8 * MB).status_code == 201, "its room lapses")
    refused = guest.api.patch(at, headers={**TUS, **BYTES, **drop, "Upload-Offset": "1000"}, content=b"x")
    assert (refused.status_code, refused.headers["Upload-Offset"]) == (507, "1000")
    assert {"limit", "used", "left", "reserved"}.isdisjoint(refused.json())
    assert refused.json()["needed"] == 8 * MB - 1000  # of their own file
