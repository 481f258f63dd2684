"""The content security policy of each page, in a browser that reports whatever it keeps a page from doing."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser import actions
from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.browser.page_checks import wait_page_ready
from tests.browser.sample_server import SampleServer, open_sample_server
from tests.people import PASSWORD
from tests.server import Server

FOR_THE_PLAYER = {"watch", "watch portrait", "watch failed", "watch uploading", "shared", "embedded"}

_SMUGGLE = """() => {
  document.body.insertAdjacentHTML("beforeend", `<p id="smuggled" style="color: rgb(1, 2, 3)">x</p>`);
  const script = document.createElement("script");
  script.textContent = "document.title = 'owned'";
  document.body.append(script);
  return [getComputedStyle(document.querySelector("#smuggled")).color === "rgb(1, 2, 3)", document.title === "owned"];
}"""


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleServer]:
    with open_sample_server(tmp_path_factory.mktemp("gallery")) as opened:
        opened.owner.change(opened.ready, embeddable=True)
        yield opened


def policy_of(page: Page, path: str) -> str:
    answer = page.goto(path)
    assert answer
    wait_page_ready(page)
    return answer.headers["content-security-policy"]


def test_only_pages_with_the_player_have_its_policy_and_none_breaks_its_own(
    gallery: SampleServer, open_context: OpenContext, guard: BrowserMonitor
) -> None:
    guard.allow("status of 404")
    guard.allow("status of 401")
    member = open_context(gallery.server.url, gallery.owner).new_page()
    guest = open_context(gallery.server.url).new_page()
    embedded = {"embedded": f"/embed/{gallery.ready}", "embedded and gone": "/embed/nothing"}
    policies = {name: policy_of(member, path) for name, path in gallery.member_pages().items()}
    policies |= {name: policy_of(guest, path) for name, path in {**gallery.guest_pages(), **embedded}.items()}
    policies["documentation of the API"] = policy_of(member, "/api/docs")
    assert {name for name, policy in policies.items() if "unsafe" in policy} == FOR_THE_PLAYER
    assert all("script-src 'self';" in policy for policy in policies.values())


def test_the_first_page_of_all_is_strict(server: Server, open_context: OpenContext) -> None:
    page = open_context(server.url).new_page()
    assert "unsafe" not in policy_of(page, "/setup")
    page.get_by_label("Setup code").fill(server.setup_code)
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/library")


def test_the_player_works_wherever_one_comes_from(gallery: SampleServer, open_context: OpenContext) -> None:
    page = open_context(gallery.server.url).new_page()
    page.goto(f"/login?next=/watch/{gallery.ready}")
    page.get_by_label("User name").fill(gallery.owner.name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/watch/*")
    actions.play(page)

    page.get_by_role("link", name="Library").first.click()
    page.wait_for_url("**/library")
    actions.card(page, gallery.ready).get_by_role("link", name="By the sea").click()
    page.wait_for_url("**/watch/*")
    actions.play(page)

    page.go_back()
    page.wait_for_url("**/library")
    expect(actions.card(page, gallery.ready)).to_be_visible()
    page.go_forward()
    page.wait_for_url("**/watch/*")
    expect(page.locator("#player")).to_have_attribute("data-phase", "ready")
    page.locator("video").evaluate("(video) => video.play()")
    actions.wait_playing(page)
    assert actions.brightness(page) > 40


def test_what_is_smuggled_in_stays_without_effect(
    gallery: SampleServer, open_context: OpenContext, guard: BrowserMonitor
) -> None:
    guard.allow(r"policy violated|Content Security Policy")
    page = open_context(gallery.server.url, gallery.owner).new_page()
    page.goto("/library")
    assert page.evaluate(_SMUGGLE) == [False, False]
    page.goto(f"/watch/{gallery.ready}")
    assert page.evaluate(_SMUGGLE) == [True, False]
    assert any("script-src" in fault for fault in guard.seen)
