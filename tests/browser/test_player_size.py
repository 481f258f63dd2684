"""The size of the player on the page, pointer and touch on it, and the width of pages."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, ViewportSize, expect

from tests.browser import actions
from tests.browser.conftest import OpenContext
from tests.browser.page_checks import wait_page_ready
from tests.people import Person
from tests.server import Server

MakeClip = Callable[..., Path]

PHONE: ViewportSize = {"width": 390, "height": 844}
DESK: ViewportSize = {"width": 1440, "height": 900}
FILM: ViewportSize = {"width": 1920, "height": 1080}
WALL: ViewportSize = {"width": 2560, "height": 1440}
SHAPES = {"tall": (180, 320), "usual": (320, 180), "scope": (480, 200)}
_BOX = "document.getElementById('player').getBoundingClientRect().toJSON()"
_RING = "getComputedStyle(document.activeElement).boxShadow"
_NARROWEST = """(select) => {
  const free = select.cloneNode(true);
  free.style.width = "auto";
  select.after(free);
  const { width } = free.getBoundingClientRect();
  free.remove();
  return width;
}"""


@pytest.fixture(scope="module")
def long_film(ada: Person, clip: MakeClip) -> str:
    film = clip("long.mp4", duration_s=24, width=320, height=180)
    return actions.upload_and_wait(ada, film, title="Long enough to skip in")


def opened(page: Page, video: str) -> Page:
    page.goto(f"/watch/{video}")
    wait_page_ready(page)
    return page


@pytest.mark.parametrize("shape", SHAPES)
def test_the_player_has_the_shape_of_the_film(page: Page, ada: Person, clip: MakeClip, shape: str) -> None:
    width, height = SHAPES[shape]
    film = clip(f"{shape}.mp4", duration_s=2, width=width, height=height)
    opened(page, actions.upload_and_wait(ada, film, title=f"A film in {shape}"))
    for window in (PHONE, DESK, WALL):
        page.set_viewport_size(window)
        box = page.evaluate(_BOX)
        fills_phone = shape == "tall" and window is PHONE  # up to the bars
        assert box["height"] <= window["height"] - 112 if fills_phone else window["height"] * 0.75 + 1
        assert not fills_phone or box["width"] == window["width"]
        assert box["width"] / box["height"] == pytest.approx(width / height, rel=0.02)
        assert box["left"] >= 0
        assert box["right"] <= window["width"]


def test_title_and_actions_are_above_the_fold(page: Page, long_film: str) -> None:
    for window in (DESK, FILM):
        page.set_viewport_size(window)
        opened(page, long_film)
        for part in (page.locator(".watch-title"), page.locator(".watch-more > summary")):
            expect(part).to_be_in_viewport(ratio=1)


def test_a_phone_held_sideways_shows_the_film_alone(page: Page, long_film: str) -> None:
    page.set_viewport_size({"width": 844, "height": 390})
    box = opened(page, long_film).evaluate(_BOX)
    assert (box["left"], box["top"], box["width"], box["height"]) == (0, 0, 844, 390)
    page.get_by_role("heading", level=1).scroll_into_view_if_needed()
    expect(page.locator(".topbar")).to_be_in_viewport(ratio=1)


def test_a_double_click_is_full_screen_and_back(page: Page, long_film: str) -> None:
    picture = opened(page, long_film).locator("#player")
    for state in ("document.fullscreenElement?.id === 'player'", "document.fullscreenElement === null"):
        box = picture.bounding_box()
        assert box
        page.mouse.dblclick(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
        page.wait_for_function(f"() => {state}")


def test_theatre_is_remembered(page: Page, long_film: str) -> None:
    page.set_viewport_size(DESK)
    opened(page, long_film)
    before = page.evaluate(_BOX)["width"]
    button = page.get_by_role("button", name="Theatre")
    button.click()
    expect(button).to_have_attribute("aria-pressed", "true")
    wide = page.evaluate(_BOX)["width"]
    assert wide > before
    page.reload()
    wait_page_ready(page)
    assert page.evaluate(_BOX)["width"] == wide
    expect(button).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("t")
    expect(button).to_have_attribute("aria-pressed", "false")
    page.reload()
    wait_page_ready(page)
    assert page.evaluate(_BOX)["width"] == before


def test_the_seek_bar_and_menus_are_drawn_in_our_colours(page: Page, long_film: str) -> None:
    opened(page, long_film)
    page.locator("media-time-range").hover()
    assert page.evaluate("getComputedStyle(document.querySelector('media-time-range')).backgroundColor") == (
        "rgba(0, 0, 0, 0)"
    )
    page.locator("media-settings-menu-button").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.activeElement.localName === 'media-settings-menu-item'")
    page.keyboard.press("ArrowDown")
    assert "oklch(0.81 0.105 190)" in page.evaluate(_RING)


def test_the_open_tab_of_administration_is_in_sight(shared_server: Server, open_context: OpenContext) -> None:
    admin = shared_server.person("tabs", admin=True)
    page = open_context(shared_server.url, admin, viewport=PHONE).new_page()
    for path in ("/admin/people", "/admin/settings", "/admin/audit"):
        page.goto(path)
        expect(page.locator("html[data-script]")).to_have_count(1)
        expect(page.locator(".settings-tabs [aria-current]")).to_be_in_viewport(ratio=1)
        assert page.evaluate("scrollX") == 0


def test_filters_of_the_library_are_whole_on_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)
    page.goto("/library")
    for select in page.locator(".filters select").all():
        box = select.bounding_box()
        assert box
        assert box["width"] >= select.evaluate(_NARROWEST)


def test_pages_use_the_whole_width(page: Page, long_film: str) -> None:
    page.set_viewport_size(WALL)
    page.goto("/library")
    expect(actions.card(page, long_film)).to_be_visible()
    assert page.evaluate("document.querySelector('.topbar').getBoundingClientRect().width === innerWidth")
    assert page.evaluate("document.querySelector('.grid').getBoundingClientRect().width") > WALL["width"] * 0.85


def test_fingers_are_not_told_to_drop_files(open_context: OpenContext, shared_server: Server, ada: Person) -> None:
    context = open_context(shared_server.url, ada, viewport=PHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto("/upload")
    expect(page.get_by_text("Choose videos from this device")).to_be_visible()
    expect(page.get_by_text("Drop videos anywhere")).to_be_hidden()
