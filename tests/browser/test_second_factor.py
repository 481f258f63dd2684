"""The whole way of a second factor, with mouse and keyboard: set up, asked for, lost; and its pages in every look."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.authenticator import AuthenticatorApp
from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.browser.page_checks import faults_in_all_themes, wait_page_ready
from tests.people import PASSWORD, Person
from tests.server import Server, running_server


@pytest.fixture(scope="module")
def admin_server() -> Iterator[Server]:
    with running_server() as server:
        server.person("boss", admin=True)
        yield server


def looked_at(page: Page) -> None:
    """Judge the page as it is; what is shown once stays there."""
    wait_page_ready(page)
    assert not list(faults_in_all_themes(page))


def set_up(page: Page) -> AuthenticatorApp:
    """Turn it on, by the key as text; the phone, and what was on the paper."""
    page.goto("/settings/profile")
    page.get_by_role("navigation", name="Settings").get_by_role("link", name="Second factor").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Set it up").click()
    expect(page.get_by_role("img", name="QR code of the key")).to_be_visible()
    looked_at(page)
    phone = AuthenticatorApp(page.get_by_label("The key", exact=True).inner_text().replace(" ", ""))
    page.get_by_label("The code that the app shows").fill(phone.code())
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").get_by_text("The second factor is on.")).to_be_visible()
    looked_at(page)
    phone.recovery_codes = page.get_by_label("Recovery codes", exact=True).input_value().split()
    page.get_by_role("link", name="I have saved them").click()
    expect(page.get_by_text("10 recovery codes")).to_be_visible()
    looked_at(page)
    return phone


def show_password(page: Page, person: Person) -> None:
    page.goto("/login?next=/settings/sessions")
    page.get_by_label("User name").fill(person.name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without"])
def test_set_up_then_asked_for_then_lost(
    admin_server: Server, open_context: OpenContext, guard: BrowserMonitor, script: bool
) -> None:
    guard.allow("status of 40")
    person = admin_server.person("ada" if script else "grace")
    phone = set_up(open_context(admin_server.url, person).new_page())

    page = open_context(admin_server.url, java_script_enabled=script).new_page()
    show_password(page, person)
    code = page.get_by_role("textbox", name="Code")
    expect(code).to_be_focused() if script else expect(code).to_be_visible()
    code.fill(phone.wrong_code())
    page.keyboard.press("Enter")
    expect(page.get_by_text("That code is wrong")).to_be_visible()
    if script:
        looked_at(page)
    page.get_by_role("textbox", name="Code").fill(phone.code(1))
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{admin_server.url}/settings/sessions")
    page.get_by_label("Account").click()
    page.get_by_role("button", name="Sign out", exact=True).click()

    show_password(page, person)
    page.get_by_role("link", name="use a recovery code").click()
    if script:
        looked_at(page)
    page.get_by_label("Recovery code").fill(phone.recovery_codes[0].upper())
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{admin_server.url}/settings/sessions")
    page.goto("/settings/second-factor")
    expect(page.get_by_text("9 recovery codes")).to_be_visible()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("textbox", name="Code").fill(phone.recovery_codes[1])
    page.get_by_role("button", name="Create new recovery codes").click()
    fresh = page.get_by_label("Recovery codes", exact=True).input_value().split()
    page.get_by_role("link", name="I have saved them").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("textbox", name="Code").fill(fresh[0])
    page.get_by_role("button", name="Turn it off").click()
    expect(page.get_by_text("The second factor is off.")).to_be_visible()


def test_an_admin_turns_it_off_for_somebody(admin_server: Server, open_context: OpenContext) -> None:
    person = admin_server.person("lost")
    set_up(open_context(admin_server.url, person).new_page())
    boss = open_context(admin_server.url, admin_server.person("boss", admin=True)).new_page()
    boss.goto("/admin/people")
    boss.get_by_label("Manage: lost").click()
    looked_at(boss)
    boss.get_by_role("button", name="Turn the second factor off").click()
    expect(boss.get_by_role("button", name="Turn the second factor off")).to_have_count(0)
    page = open_context(admin_server.url).new_page()
    show_password(page, person)
    expect(page).to_have_url(f"{admin_server.url}/settings/sessions")
