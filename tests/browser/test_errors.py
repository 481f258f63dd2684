"""When it goes wrong, the page says what, and what to do."""

from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.people import PASSWORD, Person
from tests.server import Server


@pytest.mark.parametrize("path", ["/watch/nothing-here", "/nothing-here", "/@nobody"])
def test_what_is_not_there_is_said_to_a_guest_with_a_way_in(guest: Page, guard: BrowserMonitor, path: str) -> None:
    guard.allow("status of 404")
    answer = guest.goto(path)
    assert answer
    assert answer.status == 404
    expect(guest.get_by_role("heading", level=1)).to_have_text("Nothing here")
    expect(guest.locator(".failure").get_by_role("link", name="Explore")).to_have_attribute("href", "/explore")
    expect(guest.locator(".failure").get_by_role("link", name="Sign in")).to_have_attribute(
        "href", f"/login?next={quote(path)}"
    )


def test_what_is_not_there_leads_a_member_home(page: Page, guard: BrowserMonitor) -> None:
    guard.allow("status of 404")
    page.goto("/watch/nothing-here")
    page.locator(".failure").get_by_role("link", name="Your library").click()
    expect(page.get_by_role("heading", name="Library", exact=True)).to_be_visible()


def test_a_wrong_password_is_said_and_the_way_kept(guest: Page, ada: Person, guard: BrowserMonitor) -> None:
    guard.allow("status of 401")
    guest.goto("/upload")
    guest.get_by_label("User name").fill(ada.name)
    guest.get_by_label("Password").fill("not the right one")
    guest.get_by_role("button", name="Sign in").click()
    alert = guest.get_by_role("alert")
    expect(alert).to_be_visible()
    expect(guest.get_by_label("User name")).to_have_value(ada.name)
    expect(guest.get_by_label("Password")).to_be_focused()
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Sign in").click()
    guest.wait_for_url("**/upload")


def test_a_wrong_setup_code_is_said_beside_the_code(
    server: Server, open_context: OpenContext, guard: BrowserMonitor
) -> None:
    guard.allow("status of 400")
    page = open_context(server.url).new_page()
    page.goto("/setup")
    page.get_by_label("Setup code").fill("aaaa-bbbb-cccc")
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    code = page.get_by_label("Setup code")
    expect(code).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#note-code")).to_contain_text("code")
    expect(page.get_by_label("User name")).to_have_value("ada")

    code.fill(server.setup_code)
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/library")


def test_a_member_who_was_signed_out_is_asked_to_sign_in(page: Page, ada: Person, guard: BrowserMonitor) -> None:
    guard.allow("EventSource|Event]")
    page.goto("/library")
    page.context.clear_cookies()
    page.get_by_role("link", name="Upload").first.click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("User name").fill(ada.name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/upload")
