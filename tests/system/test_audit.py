"""The audit: who did what to whom, from where, for admins alone, without secrets, and not without end."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.people import PASSWORD, Person, csrf_of, sign_in
from tests.server import Server, running_server

AUDIT, PAGE = "/api/v1/admin/audit", "/admin/audit"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with running_server(STREAMTIME_SERVER__TRUSTED_PROXIES="127.0.0.1") as made:
        made.person("root", admin=True)
        made.person("ann")
        yield made


@pytest.fixture(scope="module")
def root(server: Server) -> Person:
    return server.person("root", admin=True)


def entries(root: Person, **query: str | int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = root.api.get(AUDIT, params=query).raise_for_status().json()["items"]
    return found


def told(root: Person, **query: str | int) -> list[tuple[str, str, str, dict[str, str]]]:
    """What entries say, the first deed first."""
    return [(e["deed"], e["actor"], e["subject"], e["detail"]) for e in reversed(entries(root, **query))]


def test_signing_in_and_out_and_failing_to(server: Server, root: Person) -> None:
    client = server.client(**{"X-Forwarded-For": "198.51.100.7"})
    sign_in(client, "ann", "a wrong password")
    sign_in(client, "not a name: perhaps a password", PASSWORD)
    sign_in(client, "ann", PASSWORD)
    client.post("/logout", data={"csrf_token": csrf_of(client.get("/library").text)})
    lines = [entry for entry in reversed(entries(root)) if entry["address"] == "198.51.100.7"]
    assert [(line["deed"], line["actor"], line["subject"]) for line in lines] == [
        ("sign_in_failed", "", "ann"),
        ("sign_in_failed", "", ""),
        ("signed_in", "ann", "ann"),
        ("signed_out", "ann", "ann"),
    ]


def test_what_is_done_to_a_video_by_page_and_by_api(server: Server, root: Person) -> None:
    owner = server.person("ann")
    video, other = (owner.send(b"no video", title=title) for title in ("Mine", "Other"))
    owner.change(video, visibility="public", title="Mine")
    owner.change(video, description="nothing that anybody may see or do has changed")
    csrf = {"csrf_token": csrf_of(owner.browser.get("/library").text)}
    browser = owner.browser
    assert browser.post(f"/watch/{video}/visibility", data={**csrf, "visibility": "private"}).status_code == 303
    assert browser.post(f"/watch/{video}/delete", data=csrf).status_code == 303
    owner.api.post(f"/api/v1/videos/{video}/restore").raise_for_status()
    owner.api.delete(f"/api/v1/videos/{video}").raise_for_status()
    assert browser.post(f"/library/bin/{video}/delete", data=csrf).status_code == 303
    root.api.delete(f"/api/v1/videos/{other}", params={"now": True}).raise_for_status()
    about = [line for line in told(root, limit=200) if line[2] in {video, other}]
    assert about == [
        ("visibility_changed", "ann", video, {"title": "Mine", "before": "private", "now": "public"}),
        ("visibility_changed", "ann", video, {"title": "Mine", "before": "public", "now": "private"}),
        ("video_deleted", "ann", video, {"title": "Mine"}),
        ("video_restored", "ann", video, {"title": "Mine"}),
        ("video_deleted", "ann", video, {"title": "Mine"}),
        ("video_deleted", "ann", video, {"title": "Mine", "final": "yes"}),
        ("video_deleted", "root", other, {"title": "Other", "final": "yes"}),
    ]


def test_tokens_and_sessions_by_command_and_page(server: Server, root: Person) -> None:
    server.run("token", "create", "ann", "--label", "nas", "--scope", "read")
    (token,) = [line.split("\t")[0] for line in server.run("token", "list").splitlines() if "\tnas\t" in line]
    server.run("token", "revoke", token)
    sign_in(server.client(**{"User-Agent": "tv-app/2.0"}), "ann", PASSWORD)
    server.run("session", "end", server.run("session", "list", "ann").split("\t")[0])
    lines = [
        line
        for line in told(root, person="ANN", limit=200)
        if line[1] == "command line" and line[3].get("label") != "tests"
    ]
    assert lines == [
        ("account_created", "command line", "ann", {"role": "member"}),
        ("token_created", "command line", "ann", {"label": "nas", "scope": "read"}),
        ("token_revoked", "command line", "ann", {"label": "nas"}),
        ("session_ended", "command line", "ann", {"device": "tv-app 2.0"}),
    ]


def test_it_is_for_admins_alone(server: Server, root: Person) -> None:
    member = server.person("ann")
    assert member.api.get(AUDIT).status_code == 403
    assert member.browser.get(PAGE).status_code == 404
    assert server.visitor().api.get(AUDIT).status_code == 401
    assert server.visitor().browser.get(PAGE).status_code == 404
    secret = server.run("token", "create", "root", "--label", "narrow", "--scope", "upload")
    narrow = server.client(Authorization=f"Bearer {secret}")
    assert narrow.get(AUDIT).status_code == 403
    assert root.api.get(AUDIT, params={"limit": 1_000}).status_code == 400


def test_its_page_goes_back_to_the_beginning_and_knows_one_person(server: Server, root: Person) -> None:
    ann = server.person("ann")
    video = ann.send(b"no video", title="<b>Seen</b>")
    for turn in range(60):
        ann.change(video, visibility=("public", "private")[turn % 2])
    first = root.browser.get(PAGE, params={"person": "ann"}).raise_for_status().text
    assert first.count('class="event-message"') == 50
    assert "&lt;b&gt;Seen&lt;/b&gt;" in first
    (older,) = re.findall(r'href="([^"]*before=[^"]*)"', first)
    rest = root.browser.get(older.replace("&amp;", "&")).raise_for_status().text
    assert rest.count('class="event-message"') == len(entries(root, person="ann", limit=200)) - 50
    assert "before=" not in rest
    pages = [entries(root, person="ann", limit=40)]
    pages.append(entries(root, person="ann", limit=40, before=pages[0][-1]["id"]))
    assert [entry["id"] for page in pages for entry in page] == [e["id"] for e in entries(root, person="ann", limit=80)]


def test_a_storm_of_failures_is_a_few_lines_and_a_number(server: Server, root: Person) -> None:
    client = server.client(**{"X-Forwarded-For": "198.51.100.99"})
    answers = Counter(sign_in(client, "ann", "y" * 300).status_code for _ in range(40))
    assert answers[429] >= 29
    server.restart()  # what was only counted is written at the end of its minute, or of the server
    lines = [entry for entry in entries(root, limit=200) if entry["address"] == "198.51.100.99"]
    single = [line for line in lines if not line["detail"]]
    assert 1 <= len(single) <= 10, "five a minute, and a slow machine may need two"
    assert sum(int(line["detail"].get("times", 1)) for line in lines) == 40
