"""Everything that a mouse can do on these pages, a keyboard can."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import actions
from tests.people import Person

MakeClip = Callable[..., Path]

PAUSED = "document.querySelector('streamtime-video').paused"
MUTED = "document.querySelector('streamtime-video').muted"
VOLUME = "document.querySelector('streamtime-video').volume"
RATE = "document.querySelector('streamtime-video').playbackRate"
FOCUS = """() => {
  const focused = document.activeElement;
  const around = [focused, focused.parentElement, focused.nextElementSibling];
  const near = around.filter(Boolean).map((at) => getComputedStyle(at));
  const isShown = [...near, getComputedStyle(focused, "::after")]
    .some((style) => style.outlineStyle !== "none" || style.boxShadow !== "none");
  return [focused.outerHTML.slice(0, 120), isShown];
}"""


@pytest.fixture(scope="module")
def video(ada: Person, clip: MakeClip) -> str:
    """A video of 20 seconds, which no test changes."""
    return actions.upload_and_wait(ada, clip("keys.mp4", duration_s=20, width=320, height=180))


@pytest.fixture
def watch(page: Page, video: str) -> Page:
    """A tab with the video, whose picture is there."""
    page.goto(f"/watch/{video}")
    expect(actions.player(page)).to_have_attribute("data-phase", "ready")
    return page


def await_true(page: Page, expression: str) -> None:
    # As a function: our policy lets no page evaluate a text.
    page.wait_for_function(f"() => {expression}")


def await_time(page: Page, at_s: float) -> None:
    page.wait_for_function(
        "(at) => Math.abs(document.querySelector('streamtime-video').currentTime - at) < 0.1", arg=at_s
    )


def test_the_player_obeys_its_keys(watch: Page) -> None:
    press = watch.keyboard.press
    press("Space")
    actions.wait_playing(watch)
    press("k")
    await_true(watch, PAUSED)
    press("k")
    await_true(watch, f"!{PAUSED}")
    press("Space")
    await_true(watch, PAUSED)

    press("5")
    await_time(watch, 10)
    press("ArrowLeft")
    await_time(watch, 5)
    press("ArrowRight")
    await_time(watch, 10)
    press("l")
    press("j")
    press("0")
    await_time(watch, 0)

    press("m")
    await_true(watch, MUTED)
    press("m")
    await_true(watch, f"!{MUTED}")
    press("ArrowDown")
    await_true(watch, f"{VOLUME} < 1")
    press("ArrowUp")
    await_true(watch, f"{VOLUME} === 1")
    press(">")
    await_true(watch, f"{RATE} === 1.25")
    press("<")
    await_true(watch, f"{RATE} === 1")

    press("f")
    await_true(watch, "document.fullscreenElement?.id === 'player'")
    press("f")
    await_true(watch, "document.fullscreenElement === null")
    press("t")
    expect(watch.locator("html[data-theatre]")).to_have_count(1)
    press("t")
    expect(watch.locator("html[data-theatre]")).to_have_count(0)


def test_help_opens_with_a_key_and_closes_with_escape(watch: Page) -> None:
    watch.keyboard.press("?")
    dialog = watch.get_by_role("dialog", name="Keyboard")
    expect(dialog).to_be_visible()
    watch.keyboard.press("k")
    assert watch.evaluate(PAUSED)
    watch.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_keys_belong_to_the_field_that_is_typed_in(watch: Page) -> None:
    watch.keyboard.press("/")
    search = watch.get_by_role("combobox", name="Search videos")
    expect(search).to_be_focused()
    watch.keyboard.type("mk 5?")
    expect(search).to_have_value("mk 5?")
    assert watch.evaluate(PAUSED)
    assert not watch.evaluate(MUTED)


def test_quality_is_chosen_by_keys_alone(watch: Page) -> None:
    watch.locator("media-settings-menu-button").focus()
    watch.keyboard.press("Enter")
    expect(watch.locator(".menu-quality")).to_be_focused()
    watch.keyboard.press("Enter")
    await_true(watch, "document.activeElement.localName === 'media-rendition-menu'")
    watch.keyboard.press("Home")
    watch.keyboard.press("Enter")
    expect(actions.player(watch)).not_to_have_attribute("data-quality", "auto")
    expect(watch.locator(".menu-quality")).to_be_hidden()


def test_menus_and_dialogs_close_with_escape_and_give_the_focus_back(watch: Page) -> None:
    visibility = watch.get_by_label("Who can watch: Private")
    visibility.focus()
    watch.keyboard.press("Enter")
    expect(watch.locator("#visibility").get_by_role("button", name="Public")).to_be_visible()
    watch.keyboard.press("ArrowDown")
    expect(watch.locator("#visibility").get_by_role("button", name="Private")).to_be_focused()
    watch.keyboard.press("Escape")
    expect(watch.locator("#visibility").get_by_role("button", name="Public")).to_be_hidden()
    expect(visibility).to_be_focused()

    more = watch.locator(".watch-more > summary")
    more.focus()
    watch.keyboard.press("Enter")
    watch.get_by_role("link", name="Delete", exact=True).focus()
    watch.keyboard.press("Enter")
    expect(watch.get_by_role("dialog")).to_be_visible()
    watch.keyboard.press("Escape")
    expect(watch.get_by_role("dialog")).to_have_count(0)
    expect(more).to_be_focused()


def test_the_first_tab_skips_to_the_content(page: Page) -> None:
    page.goto("/library")
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()


@pytest.mark.parametrize("path", ["/library", "/upload", "/explore"])
def test_the_focus_is_always_to_be_seen(page: Page, path: str) -> None:
    page.goto(path)
    blind: list[str] = []
    while True:
        page.keyboard.press("Tab")
        at, shown = page.evaluate(FOCUS)
        if at.startswith("<body"):
            break
        if not shown:
            blind.append(at)
    assert not blind
