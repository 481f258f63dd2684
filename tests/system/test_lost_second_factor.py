"""A lost second factor: recovery codes, and an administrator who turns it off."""

from itertools import count

import httpx
import pytest

from tests.authenticator import enrol, send
from tests.people import ACCOUNTS, PASSWORD, Person, csrf_of, sign_in
from tests.server import Server

_numbers = count(1)


@pytest.fixture
def ann(admin_server: Server) -> Person:
    """Somebody new, of a name of their own."""
    return admin_server.person(f"ann{next(_numbers)}")


def inside(client: httpx.Client) -> bool:
    return client.get("/api/v1/me").status_code == 200


def turned_off_by(boss: Person, name: str) -> list[str]:
    """Who has turned somebody's second factor off, as the audit tells."""
    found = boss.api.get("/api/v1/admin/audit", params={"person": name, "limit": 200}).raise_for_status().json()
    return [line["actor"] for line in found["items"] if line["deed"] == "second_factor_off"]


def test_those_who_run_the_server_turn_it_off_for_who_has_lost_it(
    admin_server: Server, boss: Person, ann: Person
) -> None:
    enrol(ann)
    row = boss.account(ann.name)
    assert row["second_factor"] is True
    page, address = f"/admin/people/{row['id']}", f"/admin/people/{row['id']}/second-factor"
    assert address in boss.browser.get(page).text
    assert _post(boss, address).status_code == 303
    assert address not in boss.browser.get(page).text
    assert not inside(ann.browser)
    assert sign_in(admin_server.client(), ann.name, PASSWORD).headers["Location"] == "/library"
    assert _post(boss, address).status_code == 409
    assert turned_off_by(boss, ann.name) == ["boss"]


def test_by_the_api_it_is_turned_off_and_never_on(boss: Person, ann: Person) -> None:
    enrol(ann)
    row = boss.account(ann.name)
    at = f"{ACCOUNTS}/{row['id']}"
    assert boss.api.patch(at, json={"second_factor": True}).status_code == 400
    assert boss.api.patch(at, json={"second_factor": False}).json()["second_factor"] is False
    assert boss.api.patch(at, json={"second_factor": False}).json()["code"] == "no_factor"


def test_an_admin_has_no_shorter_way_for_their_own(admin_server: Server) -> None:
    root = admin_server.person("root", admin=True)
    phone = enrol(root)
    row = root.account("root")
    address = f"/admin/people/{row['id']}/second-factor"
    assert address not in root.browser.get(f"/admin/people/{row['id']}").text
    assert _post(root, address).status_code == 409
    refused = root.api.patch(f"{ACCOUNTS}/{row['id']}", json={"second_factor": False})
    assert (refused.status_code, refused.json()["code"]) == (409, "own_factor")
    assert send(root.browser, "off", password=PASSWORD, code=phone.code(1)).status_code == 200


def test_a_command_beside_the_server_tells_and_turns_off(admin_server: Server, boss: Person, ann: Person) -> None:
    assert admin_server.run("user", "second-factor", ann.name) == f"{ann.name} has no second factor."
    assert "There is no second factor" in admin_server.command("user", "second-factor", ann.name, "--off").stderr
    enrol(ann)
    said = admin_server.run("user", "second-factor", ann.name)
    assert said.startswith(f"{ann.name} has a second factor since 20")
    assert said.endswith("recovery codes left: 10.")
    assert "is off" in admin_server.run("user", "second-factor", ann.name, "--off")
    assert not inside(ann.browser)
    assert sign_in(admin_server.client(), ann.name, PASSWORD).headers["Location"] == "/library"
    assert turned_off_by(boss, ann.name) == ["command line"]


def _post(person: Person, address: str) -> httpx.Response:
    return person.browser.post(address, data={"csrf_token": csrf_of(person.browser.get("/explore").text)})
