"""An admin invites somebody and looks after accounts, as people do it: with the mouse and the keyboard."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import OpenContext
from tests.people import PASSWORD
from tests.server import Server, running_server


@pytest.fixture(scope="module")
def admin_server() -> Iterator[Server]:
    """A server that takes invited people."""
    with running_server(STREAMTIME_ACCOUNTS__REGISTRATION="invite") as server:
        yield server


def test_invited_then_renamed_then_deleted(admin_server: Server, open_context: OpenContext) -> None:
    boss = open_context(admin_server.url, admin_server.person("boss", admin=True)).new_page()
    boss.goto("/explore")
    boss.get_by_label("Account").click()
    boss.get_by_role("link", name="Administration").click()
    boss.get_by_role("link", name="People").click()
    boss.get_by_role("link", name="Invitations").click()
    boss.get_by_label("Label").fill("Grandma")
    boss.get_by_role("radio", name="Viewer").check()
    boss.get_by_role("button", name="Create link").click()
    link = boss.get_by_label("Link", exact=True).input_value()

    guest = open_context(admin_server.url).new_page()
    guest.goto(link)
    guest.get_by_label("User name").fill("grandma")
    guest.get_by_label("Display name").fill("<i>Grandma</i>")
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Create account").click()
    expect(guest).to_have_url(f"{admin_server.url}/explore")
    expect(guest.get_by_role("link", name="Upload")).to_have_count(0)
    guest.get_by_label("Account").click()
    expect(guest.get_by_text("<i>Grandma</i>")).to_be_visible()
    guest.get_by_role("link", name="Settings").click()
    guest.get_by_role("main").get_by_role("link", name="Profile").click()
    guest.get_by_label("Display name").fill("Granny")
    guest.get_by_role("button", name="Save").click()
    expect(guest.get_by_label("Display name")).to_have_value("Granny")

    boss.goto("/admin/people")
    expect(boss.get_by_text("Granny")).to_be_visible()
    boss.get_by_label("Manage: grandma").click()
    boss.get_by_role("button", name="Reset the password").click()
    expect(boss.get_by_label("The password")).to_be_visible()
    boss.get_by_role("link", name="Delete").click()
    boss.get_by_role("button", name="Delete account").click()
    expect(boss.get_by_label("Manage: boss")).to_be_visible()
    expect(boss.get_by_label("Manage: grandma")).to_have_count(0)
