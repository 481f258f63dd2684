"""Notices by the API and on pages: what causes them, who gets them, and that they are gone with their subject."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.people import PASSWORD, Person, csrf_of
from tests.server import Server, running_server, wait_until
from tests.system.test_event_streams import heard, listening
from tests.system.test_registration import invite

NOTICES = "/api/v1/me/notices"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server(STREAMTIME_ACCOUNTS__REGISTRATION="open") as started:
        yield started


def notices(person: Person) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = person.api.get(NOTICES).raise_for_status().json()["items"]
    return items


def unread(person: Person) -> int:
    return int(person.api.get(f"{NOTICES}/unread").raise_for_status().json()["unread"])


def test_the_owner_is_told_what_became_of_a_video(server: Server, small_clip: Path) -> None:
    ann, ben = server.person("ann"), server.person("ben")
    with listening(ann.api) as (_, lines):
        good = ann.upload(small_clip, title="The sea", visibility="public")
        assert heard(lines, "notices") == {"unread": 1}
    bad = ann.send(b"no film at all", filename="x.mp4", title="<b>Bad</b>")
    wait_until(lambda: unread(ann) == 2, "two notices")
    failed, ready = notices(ann)
    assert (ready["kind"], ready["text"], ready["page"]) == ("video_ready", "“The sea” is ready", f"/watch/{good}")
    assert (failed["kind"], failed["video"], failed["read"]) == ("video_failed", bad, False)
    assert failed["text"] == "“<b>Bad</b>” could not be prepared"
    assert failed["advice"]
    assert notices(ben) == []
    ann.change(good, title="The ocean")
    assert notices(ann)[1]["text"] == "“The ocean” is ready"
    ann.api.post(f"{NOTICES}/{ready['id']}/read").raise_for_status()
    assert unread(ann) == 1
    for path in (f"{NOTICES}/{failed['id']}/read", f"{NOTICES}/nosuch/read"):
        assert ben.api.post(path).status_code == 404
    assert ben.api.delete(f"{NOTICES}/{failed['id']}").status_code == 404
    ann.api.delete(f"/api/v1/videos/{good}").raise_for_status()
    assert [each["video"] for each in notices(ann)] == [bad], "nothing leads to a deleted video"
    ann.api.post(f"{NOTICES}/read").raise_for_status()
    assert unread(ann) == 0
    ann.api.delete(f"{NOTICES}/{failed['id']}").raise_for_status()
    assert notices(ann) == []


def test_pages_show_them_without_script(server: Server) -> None:
    cleo = server.person("cleo")
    cleo.send(b"no film at all", filename="x.mp4", title="Gone wrong")
    wait_until(lambda: unread(cleo) == 1, "a notice")
    page = cleo.browser.get("/notices").text
    assert "“Gone wrong” could not be prepared" in page
    assert 'aria-label="Notices, 1 unread"' in cleo.browser.get("/explore").text
    form = {"csrf_token": csrf_of(page)}
    assert cleo.browser.post("/notices/read", data=form).headers["Location"] == "/notices"
    assert 'aria-label="Notices"' in cleo.browser.get("/explore").text
    kinds = {"video_ready", "shared", "new_video", "invite_used"}
    cleo.browser.post("/settings/notices", data={**form, "kind": sorted(kinds)})
    assert cleo.api.get(f"{NOTICES}/muted").json() == {"muted": ["video_failed"]}
    cleo.send(b"no film either", filename="y.mp4", title="Gone wrong too")
    wait_until(lambda: cleo.api.get("/api/v1/videos?state=failed").json()["items"][0]["title"] == "Gone wrong too", "y")
    (only,) = notices(cleo)
    assert cleo.browser.post(f"/notices/{only['id']}/delete", data=form).status_code == 303
    assert "No notices" in cleo.browser.get("/notices").text


def test_who_invites_and_who_approves_is_told(server: Server) -> None:
    boss = server.person("boss", admin=True)
    guest = server.client()
    path = invite(boss, label="For Ida")
    assert guest.post(path, data={"name": "ida", "display_name": "Ida", "password": PASSWORD}).status_code == 303
    fields = {"name": "wanda", "display_name": "", "password": PASSWORD}
    server.client().post("/register", data=fields).raise_for_status()
    waiting, used = notices(boss)
    assert (used["kind"], used["text"], used["page"]) == ("invite_used", "Ida joined with your invitation", "/@ida")
    assert (waiting["kind"], waiting["text"]) == ("registration_waiting", "wanda would like an account")
    assert boss.browser.get(waiting["page"]).status_code == 200
    person = boss.account("wanda")["id"]
    form = {"csrf_token": csrf_of(boss.browser.get("/explore").text)}
    boss.browser.post(f"/admin/people/{person}/approve", data=form)
    assert [each["kind"] for each in notices(boss)] == ["invite_used"], "nobody waits any more"
    boss.api.delete(f"/api/v1/admin/users/{boss.account('ida')['id']}?videos=delete").raise_for_status()
    assert notices(boss) == []


def test_administrators_are_told_that_the_disk_is_full_and_once(server: Server) -> None:
    boss = server.person("boss", admin=True)
    server.restart(STREAMTIME_TRANSCODE__MINIMUM_FREE_SPACE="900TB")
    wait_until(lambda: any(each["kind"] == "disk_low" for each in notices(boss)), "a notice")
    assert boss.api.post(f"{NOTICES}/read").status_code == 204
    server.restart(STREAMTIME_TRANSCODE__MINIMUM_FREE_SPACE="900TB")
    assert [each["kind"] for each in notices(boss)].count("disk_low") == 1
    assert all(each["kind"] != "disk_low" for each in notices(server.person("ann")))
