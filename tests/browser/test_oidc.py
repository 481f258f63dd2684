"""Signing in by a provider as people do it: a button, somebody else's page, and back. That page is another site's."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.fake_oidc_provider import FakeOidcProvider, running_provider
from tests.people import PASSWORD
from tests.server import Server, running_server


@pytest.fixture(scope="module")
def provider() -> Iterator[FakeOidcProvider]:
    with running_provider() as running:
        yield running


@pytest.fixture(scope="module")
def admin_server(provider: FakeOidcProvider) -> Iterator[Server]:
    """A server whose people sign in by it, and get accounts."""
    with running_server(**provider.settings(create_accounts="true")) as server:
        server.person("boss", admin=True)
        provider.register_client(server, ida={"preferred_username": "ida", "name": "Ida Lovelace"})
        yield server


def go_on(page: Page, subject: str) -> None:
    """What somebody does on the provider's page."""
    expect(page.get_by_role("heading", name="The provider")).to_be_visible()
    page.get_by_label("Who are you?").fill(subject)
    page.get_by_role("button", name="Go on").click()


@pytest.mark.parametrize("script", [True, False])
def test_a_button_leads_there_and_back(
    admin_server: Server, provider: FakeOidcProvider, open_context: OpenContext, guard: BrowserMonitor, script: bool
) -> None:
    guard.allowed_origins.add(provider.issuer)
    page = open_context(admin_server.url, java_script_enabled=script).new_page()
    page.goto("/settings/profile")
    page.get_by_role("link", name="Sign in with Home SSO").click()
    go_on(page, "ida")
    expect(page).to_have_url(f"{admin_server.url}/settings/profile")
    expect(page.get_by_label("Display name")).to_have_value("Ida Lovelace")


def test_not_me_leads_to_words_and_back_to_the_password(
    admin_server: Server, provider: FakeOidcProvider, open_context: OpenContext, guard: BrowserMonitor
) -> None:
    guard.allowed_origins.add(provider.issuer)
    guard.allow("status of 401")
    page = open_context(admin_server.url).new_page()
    page.goto("/login?next=/upload")
    page.get_by_role("link", name="Sign in with Home SSO").click()
    page.get_by_role("button", name="Not me").click()
    expect(page.get_by_role("alert")).to_contain_text("did not let you in, or you did not go on there")
    page.get_by_role("link", name="Back to sign in").click()
    page.get_by_label("User name").fill("boss")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(f"{admin_server.url}/upload")


@pytest.mark.parametrize("script", [True, False])
def test_connecting_and_disconnecting(
    admin_server: Server, provider: FakeOidcProvider, open_context: OpenContext, guard: BrowserMonitor, script: bool
) -> None:
    """The form may go nowhere else by our policy, and the page after it may."""
    guard.allowed_origins.add(provider.issuer)
    name = f"otto{int(script)}"
    page = open_context(admin_server.url, admin_server.person(name), java_script_enabled=script).new_page()
    page.goto("/settings/password")
    page.get_by_role("link", name="Sign in with Home SSO").click()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Connect Home SSO").click()
    go_on(page, name)
    expect(page.get_by_text("Your account is connected with Home SSO")).to_be_visible()
    page.get_by_label("Your password").fill(PASSWORD)
    page.get_by_role("button", name="Disconnect Home SSO").click()
    expect(page.get_by_text("Connect your account to sign in with Home SSO as well.")).to_be_visible()
