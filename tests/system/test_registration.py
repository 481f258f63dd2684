"""How people make themselves an account, what others read of them, and how they change their password."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.people import PASSWORD, Person, csrf_of, sign_in
from tests.server import Server, StartServer, running_server

INVITES = "/admin/people/invites"
USERS = "/api/v1/admin/users"


@pytest.fixture(scope="module")
def admin_server() -> Iterator[Server]:
    """A server that takes people in, with one admin, `boss`."""
    with running_server(STREAMTIME_ACCOUNTS__REGISTRATION="open") as server:
        server.person("boss", admin=True)
        yield server


def post(person: Person, address: str, **fields: str) -> httpx.Response:
    """Send a form of a page of theirs."""
    token = csrf_of(person.browser.get("/explore").text)
    return person.browser.post(address, data={**fields, "csrf_token": token})


def invite(boss: Person, **fields: str) -> str:
    """Make an invitation on the page; the path of its link."""
    answer = post(boss, INVITES, **{"label": "", "role": "member", "uses": "1", "days": "7", **fields})
    assert answer.status_code == 200
    (path,) = re.findall(r'id="invite-address"[^>]* value="http://127[^"]*(/join/[^"]+)"', answer.text)
    assert path not in boss.browser.get(INVITES).text
    return str(path)


def names(boss: Person) -> list[str]:
    return [item["name"] for item in boss.api.get(USERS).raise_for_status().json()["items"]]


def test_an_invited_person_makes_an_account_and_is_in(admin_server: Server, boss: Person) -> None:
    path = invite(boss, role="viewer", label="For Ida")
    ida = admin_server.client()
    assert ida.get(path).status_code == 200
    applied = {"name": "ida", "display_name": "Ida \N{LATIN CAPITAL LETTER A WITH DIAERESIS}", "password": PASSWORD}
    refused = ida.post(path, data={**applied, "display_name": "\u202eadi"})
    assert refused.status_code == 400
    assert "characters that can be seen" in refused.text
    taken = ida.post(path, data={**applied, "name": "BOSS"})
    assert taken.status_code == 409
    assert "The name BOSS is taken." in taken.text
    assert ida.post(path, data=applied).status_code == 303
    page = ida.get("/explore").text
    assert "Ida \N{LATIN CAPITAL LETTER A WITH DIAERESIS}" in page
    assert ida.get("/api/v1/me").json()["role"] == "viewer"
    for again in (
        admin_server.client().get(path),
        admin_server.client().post(path, data={**applied, "name": "second"}),
    ):
        assert again.status_code == 404
        assert "This invitation is no longer valid" in again.text
    assert "used 1 of 1" in boss.browser.get(INVITES).text


def test_an_invitation_of_five_makes_five(admin_server: Server, boss: Person) -> None:
    path = invite(boss, uses="5")
    clients = [admin_server.client() for _ in range(20)]

    def join(number: int) -> int:
        form = {"name": f"crowd-{number}", "display_name": "", "password": PASSWORD}
        return clients[number].post(path, data=form).status_code

    with ThreadPoolExecutor(len(clients)) as crowd:
        answers = list(crowd.map(join, range(len(clients))))
    assert answers.count(303) == 5
    assert len([name for name in names(boss) if name.startswith("crowd-")]) == 5
    assert "used 5 of 5" in boss.browser.get(INVITES).text


def test_a_revoked_invitation_lets_nobody_in(admin_server: Server, boss: Person) -> None:
    path = admin_server.run("user", "invite", "--role", "viewer", "--uses", "3", "--label", "Taken back")
    assert admin_server.client().get(path).status_code == 200
    page = boss.browser.get(INVITES).text
    (here,) = re.findall(r'id="invite-(\w+)">(?:(?!</li>).)*Taken back', page, re.DOTALL)
    assert post(boss, f"{INVITES}/{here}/revoke").status_code == 303
    assert post(boss, f"{INVITES}/{here}/revoke").status_code == 404
    assert admin_server.client().get(path).status_code == 404
    wrong = post(boss, INVITES, label="", role="member", uses="0", days="7")
    assert wrong.status_code == 400
    assert "An invitation is for 1 to 1,000 people." in wrong.text


def test_who_registers_waits_to_be_let_in(start_server: StartServer) -> None:
    admin_server = start_server(STREAMTIME_ACCOUNTS__REGISTRATION="open")
    boss = admin_server.person("boss", admin=True)
    assert 'href="/register"' in admin_server.client().get("/login").text
    for name in ("liv", "tom"):
        made = admin_server.client().post("/register", data={"name": name, "display_name": "", "password": PASSWORD})
        assert made.status_code == 200
        assert "waits for the approval" in made.text
    waits = sign_in(admin_server.client(), "liv", PASSWORD)
    assert waits.status_code == 401
    assert "This account waits for approval" in waits.text
    wrong = sign_in(admin_server.client(), "liv", "another password")
    assert "That name and password do not belong together." in wrong.text
    ids = {item["name"]: item["id"] for item in boss.api.get(USERS).json()["items"] if item["state"] == "awaiting"}
    assert ids.keys() == {"liv", "tom"}
    assert post(boss, f"/admin/people/{ids['liv']}/approve").status_code == 303
    assert sign_in(admin_server.client(), "liv", PASSWORD).status_code == 303
    assert post(boss, f"/admin/people/{ids['tom']}/delete").status_code == 303
    assert sign_in(admin_server.client(), "tom", PASSWORD).status_code == 401
    answers = [admin_server.client().post("/register", data={"name": "x y", "password": PASSWORD}) for _ in range(2)]
    assert {answer.status_code for answer in answers} == {400}
    crowd = [
        admin_server.client().post("/register", data={"name": f"x{number}", "display_name": "", "password": "short"})
        for number in range(9)
    ]
    assert [answer.status_code for answer in crowd] == [400] * 8 + [429]
    assert int(crowd[-1].headers["Retry-After"]) > 0


def test_invitations_work_where_nothing_is_configured(shared_server: Server) -> None:
    shared_server.person("root", admin=True)
    path = shared_server.run("user", "invite")
    guest = shared_server.client()
    assert guest.get(path).status_code == 200
    form = {"name": "asked-in", "display_name": "", "password": PASSWORD}
    assert guest.post(path, data=form).status_code == 303
    assert guest.get("/register").status_code == 404


def test_a_closed_server_takes_nobody_and_makes_no_invitation(start_server: StartServer) -> None:
    admin_server = start_server()
    boss = admin_server.person("boss", admin=True)
    path = admin_server.run("user", "invite", "--label", "Made before")
    admin_server.restart(STREAMTIME_ACCOUNTS__REGISTRATION="closed")
    guest = admin_server.client()
    form = {"name": "x", "display_name": "", "password": PASSWORD}
    for answer in (guest.get(path), guest.post(path, data=form), guest.get("/join/no-such-invitation")):
        assert answer.status_code == 404
        assert "This server takes no new accounts at the moment." in answer.text
        assert "was used" not in answer.text
    page = boss.browser.get(INVITES).text
    assert 'id="registration-closed"' in page
    assert "Registration is closed" in page
    assert "Create link" not in page
    refused = post(boss, INVITES, label="", role="member", uses="1", days="7")
    assert refused.status_code == 409
    assert 'id="registration-closed"' in refused.text
    assert "/join/" not in refused.text
    command = admin_server.command("user", "invite")
    assert command.returncode != 0
    assert "accounts.registration is closed" in command.stderr
    admin_server.restart(STREAMTIME_ACCOUNTS__REGISTRATION="invite")
    assert admin_server.client().get(path).status_code == 200


def test_a_closed_server_has_no_way_to_register(start_server: StartServer) -> None:
    guest = start_server(STREAMTIME_ACCOUNTS__REGISTRATION="closed").client()
    assert guest.get("/register").status_code == 404
    assert guest.post("/register", data={"name": "x", "display_name": "", "password": PASSWORD}).status_code == 404
    assert "/register" not in guest.get("/login").text


def test_others_read_the_name_that_somebody_chose(admin_server: Server, boss: Person) -> None:
    boss.api.post(USERS, json={"name": "noa", "password": PASSWORD}).raise_for_status()
    noa = Person(admin_server, "noa")
    chosen = "<b>Noa</b> & co"
    assert post(noa, "/settings/profile", display_name=chosen).status_code == 303
    shown = "&lt;b&gt;Noa&lt;/b&gt; &amp; co"
    for address in ("/settings/profile", "/@noa"):
        page = noa.browser.get(address).text
        assert shown in page
        assert chosen not in page
    assert shown in boss.browser.get("/admin/people").text
    for wrong in ("x" * 61, "a\u0000b", "a\u2066b"):
        refused = post(noa, "/settings/profile", display_name=wrong)
        assert refused.status_code == 400, wrong
    assert post(noa, "/settings/profile", display_name="").status_code == 303
    assert "<h1>noa</h1>" in noa.browser.get("/@noa").text


def cookie_header(cookies: dict[str, str]) -> dict[str, str]:
    """A browser's header, whatever it was told since."""
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


def test_a_new_password_needs_the_old_one_and_ends_other_sessions(admin_server: Server, boss: Person) -> None:
    boss.api.post(USERS, json={"name": "ole", "password": PASSWORD}).raise_for_status()
    ole, elsewhere = Person(admin_server, "ole"), admin_server.client()
    assert sign_in(elsewhere, "ole", PASSWORD).status_code == 303
    wrong = post(ole, "/settings/password", old="not this one", password="another fine password")
    assert wrong.status_code == 400
    assert "That is not your password." in wrong.text
    assert "Choose a password of 8" in post(ole, "/settings/password", old=PASSWORD, password="short").text
    assert elsewhere.get("/library").status_code == 200
    before = dict(ole.browser.cookies)
    done = post(ole, "/settings/password", old=PASSWORD, password="another fine password")
    assert "The password is changed" in ole.browser.get(done.headers["Location"]).text
    assert ole.browser.get("/library").status_code == 200, "whoever has changed it goes on"
    assert admin_server.client().get("/library", headers=cookie_header(before)).status_code == 303, (
        "but by another cookie"
    )
    assert elsewhere.get("/library").status_code == 303
    assert sign_in(elsewhere, "ole", "another fine password").status_code == 303
    assert "another fine password" not in admin_server.log_output
