"""Accounts and those who run them: roles, who may be shut out, who is let in, and what becomes of their videos."""

import re
from pathlib import Path

import httpx

from tests.people import ACCOUNTS, PASSWORD, TUS, UPLOADS, Person, csrf_of, sign_in, upload_headers
from tests.server import Server, wait_until


def account(admin_server: Server, name: str, role: str = "member") -> Person:
    """Somebody new, of that role."""
    made = {"name": name, "password": PASSWORD, "role": role}
    admin_server.person("boss", admin=True).api.post(ACCOUNTS, json=made).raise_for_status()
    return Person(admin_server, name)


def post(person: Person, address: str, **fields: str) -> httpx.Response:
    """Send a form of a page of theirs."""
    token = csrf_of(person.browser.get("/explore").text)
    return person.browser.post(address, data={**fields, "csrf_token": token})


def deeds(boss: Person, name: str) -> list[str]:
    """What the audit tells of somebody, the first deed first."""
    items = boss.api.get("/api/v1/admin/audit", params={"person": name}).raise_for_status().json()["items"]
    return [item["deed"] for item in reversed(items) if item["subject"] == name]


def test_a_viewer_watches_and_has_no_videos(admin_server: Server) -> None:
    vera = account(admin_server, "vera", "viewer")
    token = {"X-CSRF-Token": csrf_of(vera.browser.get("/explore").text)}
    refused = vera.browser.post(UPLOADS, headers={**TUS, **token, **upload_headers(10, filename="x.mp4")})
    assert (refused.status_code, refused.json()["code"]) == (403, "viewer")
    page = vera.browser.get("/explore").text
    for address in ("/upload", "/library", "/settings/space"):
        assert f'href="{address}"' not in page
    assert vera.browser.get("/library").headers["location"] == "/explore"
    for address in ("/upload", "/settings/space", "/library/bin"):
        answer = vera.browser.get(address)
        assert answer.status_code == 403
        assert "This is a viewer account" in answer.text
    admin_server.run("user", "role", "vera", "member")
    assert vera.browser.get("/upload").status_code == 200
    begun = vera.browser.post(UPLOADS, headers={**TUS, **token, **upload_headers(10, filename="x.mp4")})
    assert begun.status_code == 201


def test_the_last_admin_stays_one(admin_server: Server, boss: Person) -> None:
    own = boss.account("boss")["id"]
    refused = admin_server.command("user", "disable", "boss")
    assert refused.returncode == 1
    assert "boss is the last administrator" in refused.stderr
    for change in ({"disabled": True}, {"role": "viewer"}, {"quota": 5, "role": "member"}):
        answer = boss.api.patch(f"{ACCOUNTS}/{own}", json=change)
        assert (answer.status_code, answer.json()["code"]) == (409, "last_admin")
    assert boss.account("boss")["quota"] is None, "all of it or nothing"
    assert boss.api.delete(f"{ACCOUNTS}/{own}").json()["code"] == "last_admin"
    for deed, fields in (("disable", {}), ("role", {"role": "member"}), ("delete", {"videos": "delete"})):
        page = post(boss, f"/admin/people/{own}/{deed}", **fields)
        assert page.status_code == 409
        assert "boss is the last administrator" in page.text
    second = account(admin_server, "second", "admin")
    its = boss.account("second")["id"]
    boss.api.patch(f"{ACCOUNTS}/{its}", json={"disabled": True}).raise_for_status()
    assert boss.api.patch(f"{ACCOUNTS}/{own}", json={"role": "member"}).status_code == 409, "one shut out runs nothing"
    boss.api.patch(f"{ACCOUNTS}/{its}", json={"disabled": False, "role": "member"}).raise_for_status()
    assert deeds(boss, second.name) == ["account_created", "account_disabled", "role_changed", "account_enabled"]


def test_an_admin_manages_accounts_on_the_page(admin_server: Server, boss: Person) -> None:
    refused = post(boss, "/admin/people/new", name="no good", password=PASSWORD, role="member")
    assert refused.status_code == 400
    assert "Choose a name of 1 to 32 letters" in refused.text
    made = post(boss, "/admin/people/new", name="mia", password=PASSWORD, role="viewer")
    assert made.status_code == 303
    here, mia = made.headers["location"], Person(admin_server, "mia")
    assert mia.browser.get("/explore").status_code == 200
    assert post(boss, f"{here}/role", role="member").status_code == 303
    assert "Enter a number of gigabytes" in post(boss, f"{here}/quota", kind="own", gigabytes="none").text
    assert post(boss, f"{here}/quota", kind="own", gigabytes="1.5").status_code == 303
    assert boss.account("mia") | {"last_seen_at": "", "created_at": "", "id": ""} == {
        "id": "",
        "name": "mia",
        "display_name": "mia",
        "picture": None,
        "role": "member",
        "second_factor": False,
        "state": "active",
        "videos": 0,
        "used": 0,
        "quota": 1_500_000_000,
        "last_seen_at": "",
        "created_at": "",
    }
    assert mia.browser.get("/library").status_code == 200
    assert post(boss, f"{here}/sign-out").status_code == 303
    assert mia.browser.get("/library").status_code == 303
    shown = post(boss, f"{here}/password").text
    (password,) = re.findall(r"[a-z0-9]{4}(?:-[a-z0-9]{4}){3}", shown)
    assert password not in boss.browser.get(here).text
    assert sign_in(mia.browser, "mia", PASSWORD).status_code == 401
    assert sign_in(mia.browser, "mia", password).status_code == 303
    assert post(boss, f"{here}/disable").status_code == 303
    assert mia.browser.get("/library").status_code == 303
    assert post(boss, f"{here}/enable").status_code == 303
    assert password not in admin_server.log_output
    for address in ("/admin/people", here, f"{here}/delete"):
        assert mia.browser.get(address).status_code == 404
    assert deeds(boss, "mia") == [
        "account_created",
        "signed_in",
        "role_changed",
        "quota_changed",
        "session_ended",
        "password_changed",
        "sign_in_failed",
        "signed_in",
        "account_disabled",
        "account_enabled",
    ]


def test_videos_are_handed_over_or_deleted(admin_server: Server, boss: Person) -> None:
    gone, heir = account(admin_server, "gone"), account(admin_server, "heir")
    kept = gone.send(b"no film", filename="a.mp4", title="Kept", visibility="private")
    binned = gone.send(b"nor this", filename="b.mp4", title="Binned")
    wait_until(lambda: {gone.look(video)["state"] for video in (kept, binned)} == {"failed"}, "looked at")
    gone.api.delete(f"/api/v1/videos/{binned}").raise_for_status()
    begun = gone.begin(50, filename="c.mp4")
    its, other = (boss.account(name)["id"] for name in ("gone", "heir"))
    asked = boss.api.delete(f"{ACCOUNTS}/{its}")
    assert (asked.status_code, asked.json()["code"]) == (409, "videos_remain")
    viewer = account(admin_server, "no-heir", "viewer")
    for wrong in (its, boss.account(viewer.name)["id"]):
        answer = boss.api.delete(f"{ACCOUNTS}/{its}", params={"videos_to": wrong})
        assert (answer.status_code, answer.json()["code"]) == (409, "no_heir")
    page = boss.browser.get(f"/admin/people/{its}/delete").text
    assert "3 videos" in page
    assert gone.browser.get("/library").status_code == 200
    assert post(boss, f"/admin/people/{its}/delete", videos="hand", heir=other).status_code == 303
    assert gone.browser.get("/library").status_code == 303
    assert gone.api.get("/api/v1/me").status_code == 401
    assert heir.look(kept)["owner"] == "heir"
    assert heir.api.post(f"/api/v1/videos/{binned}/restore").status_code == 200
    usage = heir.api.get("/api/v1/me/usage").json()["usage"]
    assert (usage["originals"], usage["unfinished"]) == (len(b"no film") + len(b"nor this"), 50)
    assert heir.append(begun, 0, b"x" * 50).status_code == 204
    again = account(admin_server, "gone")
    assert again.browser.get("/library").status_code == 200, "the name is free"
    assert "Kept" not in again.browser.get("/library").text
    mine = boss.account("heir")["id"]
    assert post(boss, f"/admin/people/{mine}/delete", videos="delete").status_code == 303
    assert boss.api.get(f"/api/v1/videos/{kept}").status_code == 404
    wait_until(lambda: not admin_server.files("objects/videos"), "all their bytes are gone")


def test_the_command_line_deletes_accounts(admin_server: Server, boss: Person) -> None:
    cara, dan = account(admin_server, "cara"), account(admin_server, "dan")
    video = cara.send(b"no film", filename="a.mp4", title="Cara's")
    refused = admin_server.command("user", "delete", "cara")
    assert refused.returncode == 1
    assert "cara has 1 videos" in refused.stderr
    admin_server.run("user", "delete", "cara", "--videos-to", "dan")
    assert dan.look(video)["owner"] == "dan"
    assert cara.api.get("/api/v1/me").status_code == 401
    admin_server.run("user", "delete", "dan", "--delete-videos")
    assert boss.api.get(f"/api/v1/videos/{video}").status_code == 404
    assert deeds(boss, "dan")[-1] == "account_deleted"


def test_ones_own_account_goes_with_the_password(admin_server: Server, boss: Person) -> None:
    tess = account(admin_server, "tess")
    assert tess.browser.get("/settings/account").status_code == 200
    refused = post(tess, "/settings/account", password="wrong password")
    assert refused.status_code == 400
    assert "That is not your password." in refused.text
    assert post(tess, "/settings/account", password=PASSWORD).status_code == 303
    assert tess.browser.get("/library").status_code == 303
    assert "tess" not in [item["name"] for item in boss.api.get(ACCOUNTS).json()["items"]]
    assert "last administrator" in post(boss, "/settings/account", password=PASSWORD).text


def test_a_page_tells_of_its_person_and_shows_their_playlists(admin_server: Server, small_clip: Path) -> None:
    nell, stranger = admin_server.person("nell"), admin_server.client()
    video = nell.upload(small_clip, visibility="public")
    wait_until(lambda: nell.look(video)["playable"], "it plays")
    for title, visibility in (("Evenings", "public"), ("Secrets", "private")):
        body = {"title": title, "visibility": visibility}
        playlist = nell.api.post("/api/v1/playlists", json=body).raise_for_status().json()["id"]
        nell.api.post(f"/api/v1/playlists/{playlist}/items", json={"video": video}).raise_for_status()
    about = "Films at 1:30 & more: https://example.org/a"
    form = {"csrf_token": csrf_of(nell.browser.get("/settings/profile").text), "display_name": "", "about": about}
    assert nell.browser.post("/settings/profile", data=form).status_code == 303
    too_long = nell.browser.post("/settings/profile", data={**form, "about": "x" * 1001})
    assert (too_long.status_code, "at most 1,000" in too_long.text) == (400, True)
    page = stranger.get("/@nell").text
    assert 'Films at 1:30 &amp; more: <a href="https://example.org/a"' in page
    assert ("Evenings" in page, "Secrets" in page, "Edit your profile" in page) == (True, False, False)
    own = nell.browser.get("/@nell").text
    assert ("Evenings" in own, "Secrets" in own, "Edit your profile" in own) == (True, True, True)
