"""The television layout, by the keys of a remote control alone: arrows, Enter and Back."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import actions
from tests.browser.conftest import OpenContext
from tests.browser.page_checks import is_too_wide
from tests.multitrack_clip import make_multitrack_clip
from tests.people import PASSWORD
from tests.server import Server, running_server

USER_AGENT = (
    "Mozilla/5.0 (SMART-TV; Linux; Tizen 8.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 TV Safari/537.36"
)
VIDEO = "document.querySelector('streamtime-video')"
MOST_STEPS = 30


@pytest.fixture(scope="module")
def sofa() -> Iterator[Server]:
    """A server of its own, since the arrows lead to what else there is."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="module")
def film(sofa: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = make_multitrack_clip(tmp_path_factory.mktemp("tv") / "film.mkv", duration_s=20)
    return actions.upload_and_wait(sofa.person("ada"), path, title="For the sofa", visibility="public")


@pytest.fixture
def television(open_context: OpenContext, sofa: Server) -> Page:
    context = open_context(sofa.url, viewport={"width": 1920, "height": 1080}, user_agent=USER_AGENT)
    return context.new_page()


def move(page: Page, key: str, to: Locator) -> None:
    """Press an arrow until the focus is there."""
    for _ in range(MOST_STEPS):
        if to.evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press(key)
    pytest.fail(f"{key} does not lead to {to}, but to {page.evaluate('document.activeElement.outerHTML')[:200]}")


def press_enter(page: Page, key: str, to: Locator) -> None:
    move(page, key, to)
    page.keyboard.press("Enter")


def test_a_film_is_found_and_watched_by_remote_control(television: Page, film: str) -> None:
    page = television
    page.goto("/login?next=/library")
    expect(page.get_by_label("User name")).to_be_focused()
    page.keyboard.type("ada")
    move(page, "ArrowDown", page.get_by_label("Password"))
    page.keyboard.type(PASSWORD)
    press_enter(page, "ArrowDown", page.get_by_role("button", name="Sign in"))
    expect(page.get_by_role("heading", name="Library", exact=True)).to_be_visible()
    rail = page.get_by_role("navigation", name="Main")
    for _ in range(MOST_STEPS):
        if page.evaluate("document.activeElement.closest('nav') !== null"):
            break
        page.keyboard.press("ArrowLeft")
    press_enter(page, "ArrowUp", rail.get_by_role("link", name="Explore"))
    page.wait_for_url("**/explore")

    expect(page.locator("a:focus")).to_have_count(1)  # the first card has the focus
    assert not is_too_wide(page)
    card = actions.card(page, film).get_by_role("link", name="For the sofa")
    menu = actions.card(page, film).get_by_label("Actions for For the sofa")
    press_enter(page, "ArrowRight", menu)
    expect(page.get_by_role("link", name="Add to playlist")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Add to playlist")).to_be_hidden()
    press_enter(page, "ArrowLeft", card)
    page.wait_for_url(f"**/watch/{film}")

    picture = page.locator("media-controller")
    expect(picture).to_be_focused()
    expect(actions.player(page)).to_have_attribute("data-phase", "ready")
    page.keyboard.press("Enter")
    actions.wait_playing(page)
    page.keyboard.press("Enter")
    page.wait_for_function(f"() => {VIDEO}.paused")
    before = actions.current_time_s(page)
    page.keyboard.press("ArrowRight")
    page.wait_for_function(f"(at) => {VIDEO}.currentTime >= at + 5", arg=before)
    page.keyboard.press("ArrowDown")
    expect(page.locator("media-play-button")).to_be_focused()
    press_enter(page, "ArrowRight", page.locator("media-captions-button"))
    expect(actions.player(page)).not_to_have_attribute("data-captions", "")
    page.keyboard.press("ArrowDown")
    expect(picture).not_to_be_focused()
    assert not page.evaluate("document.querySelector('media-controller').contains(document.activeElement)")
    move(page, "ArrowUp", picture)
    page.keyboard.press("Escape")
    page.wait_for_url("**/explore")


def test_the_layout_is_switched_on_for_one_screen(page: Page) -> None:
    page.goto("/settings/appearance")
    switch = page.get_by_role("button", name="Television layout")
    expect(switch).to_have_attribute("aria-pressed", "false")
    switch.click()
    page.reload()
    expect(page.locator("html[data-television]")).to_have_count(1)
    switch.click()
    expect(page.locator("html[data-television]")).to_have_count(0)
