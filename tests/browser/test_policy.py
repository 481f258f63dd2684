"""The content security policy of pages, in a browser that reports whatever it keeps a page from doing.

`test_looks.py` looks at that of every page.
"""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import actions
from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.browser.page_checks import wait_page_ready
from tests.people import PASSWORD, Person
from tests.server import Server

_SMUGGLE = """() => {
  document.body.insertAdjacentHTML("beforeend", `<p id="smuggled" style="color: rgb(1, 2, 3)">x</p>`);
  const script = document.createElement("script");
  script.textContent = "document.title = 'owned'";
  document.body.append(script);
  return [getComputedStyle(document.querySelector("#smuggled")).color === "rgb(1, 2, 3)", document.title === "owned"];
}"""


@pytest.fixture(scope="module")
def video(ada: Person, clip: Callable[..., Path]) -> str:
    """A public video that may be embedded."""
    path = clip("sea.mp4", duration_s=2, width=640, height=360)
    made = actions.upload_and_wait(ada, path, title="By the sea", visibility="public")
    ada.change(made, embeddable=True)
    return made


def policy_of(page: Page, path: str) -> str:
    answer = page.goto(path)
    assert answer
    wait_page_ready(page)
    return answer.headers["content-security-policy"]


def test_an_embedded_player_has_its_policy_and_what_is_gone_has_not(
    guest: Page, guard: BrowserMonitor, video: str
) -> None:
    guard.allow("status of 404")
    embedded, gone = policy_of(guest, f"/embed/{video}"), policy_of(guest, "/embed/nothing")
    assert "unsafe" in embedded
    assert "unsafe" not in gone
    assert all("script-src 'self';" in policy for policy in (embedded, gone))


def test_the_first_page_of_all_is_strict(server: Server, open_context: OpenContext) -> None:
    page = open_context(server.url).new_page()
    assert "unsafe" not in policy_of(page, "/setup")
    page.get_by_label("Setup code").fill(server.setup_code)
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/library")


def test_the_player_works_wherever_one_comes_from(guest: Page, ada: Person, video: str) -> None:
    guest.goto(f"/login?next=/watch/{video}")
    guest.get_by_label("User name").fill(ada.name)
    guest.get_by_label("Password").fill(PASSWORD)
    guest.get_by_role("button", name="Sign in").click()
    guest.wait_for_url("**/watch/*")
    actions.play(guest)

    guest.get_by_role("link", name="Library").first.click()
    guest.wait_for_url("**/library")
    actions.card(guest, video).get_by_role("link", name="By the sea").click()
    guest.wait_for_url("**/watch/*")
    actions.play(guest)

    guest.go_back()
    guest.wait_for_url("**/library")
    expect(actions.card(guest, video)).to_be_visible()
    guest.go_forward()
    guest.wait_for_url("**/watch/*")
    expect(guest.locator("#player")).to_have_attribute("data-phase", "ready")
    guest.locator("video").evaluate("(video) => video.play()")
    actions.wait_playing(guest)
    assert actions.brightness(guest) > 40


def test_what_is_smuggled_in_stays_without_effect(page: Page, guard: BrowserMonitor, video: str) -> None:
    guard.allow(r"policy violated|Content Security Policy")
    page.goto("/library")
    assert page.evaluate(_SMUGGLE) == [False, False]
    page.goto(f"/watch/{video}")
    assert page.evaluate(_SMUGGLE) == [True, False]
    assert any("script-src" in fault for fault in guard.seen)
