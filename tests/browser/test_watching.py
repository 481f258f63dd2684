"""Watching closely: loops, single frames, links to a moment, statistics."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import actions
from tests.browser.conftest import OpenContext
from tests.browser.page_checks import faults_of
from tests.people import Person
from tests.server import Server

MakeClip = Callable[..., Path]

RATE = 25
DURATION_S = 6
TIME = "document.querySelector('streamtime-video').currentTime"


@pytest.fixture(scope="module")
def video(ada: Person, clip: MakeClip) -> str:
    made = actions.upload_and_wait(
        ada, clip("watching.mp4", duration_s=DURATION_S, width=320, height=180, fps=RATE), visibility="public"
    )
    ada.change(made, description="It begins at 0:04, they say.")
    return made


@pytest.fixture
def watch(page: Page, video: str) -> Page:
    page.goto(f"/watch/{video}")
    expect(actions.player(page)).to_have_attribute("data-phase", "ready")
    return page


def seek(page: Page, seconds: float) -> None:
    """Show the frame at a time."""
    page.locator("video").evaluate(
        """(video, seconds) => new Promise((resolve) => {
          video.addEventListener("seeked", resolve, { once: true });
          video.currentTime = seconds;
        })""",
        seconds,
    )


def frame(page: Page) -> int:
    """The number of the frame that is shown, once it is."""
    page.wait_for_function("() => !document.querySelector('streamtime-video').seeking")
    return int(cast("float", page.evaluate(TIME)) * RATE)


def more(page: Page, name: str, role: str = "menuitem") -> Locator:
    """Open the menu "More" of the player; the item of that name."""
    actions.player(page).hover()
    page.locator("media-settings-menu-button").click()
    page.locator(".menu-more").click()
    item = page.locator(f"media-chrome-menu-item[role={role}]").filter(has_text=name)
    expect(item).to_be_visible()
    return item


def test_a_video_is_repeated(watch: Page) -> None:
    more(watch, "Loop", "menuitemcheckbox").click()
    expect(watch.locator("[data-player-say]")).to_have_text("Loop is on")
    seek(watch, DURATION_S - 0.5)
    actions.play(watch)
    watch.wait_for_function(f"() => {TIME} < 1")
    assert not watch.evaluate("document.querySelector('streamtime-video').paused")
    watch.keyboard.press("r")
    expect(watch.locator("[data-player-say]")).to_have_text("Loop is off")
    watch.wait_for_function("() => document.querySelector('streamtime-video').ended")


def test_a_part_is_repeated(watch: Page) -> None:
    bar = watch.locator("[data-player-loop]")
    expect(bar).to_be_hidden()
    seek(watch, 2)
    watch.keyboard.press("b")
    expect(actions.player(watch)).to_have_attribute("data-loop", "0.00 2.00")
    seek(watch, 1)
    watch.keyboard.press("a")
    expect(actions.player(watch)).to_have_attribute("data-loop", "1.00 2.00")
    expect(bar).to_be_visible()
    expect(watch.locator("[data-player-say]")).to_have_text("Loop from 0:01 until 0:02")

    watch.evaluate("""() => {
      window.seeks = 0;
      window.latest = 0;
      const video = document.querySelector("streamtime-video").nativeEl;
      video.addEventListener("seeking", () => { window.seeks += 1; });
      video.addEventListener("timeupdate", () => { window.latest = Math.max(window.latest, video.currentTime); });
    }""")
    watch.keyboard.press("k")
    watch.wait_for_function("() => window.seeks >= 2")
    assert watch.evaluate("window.latest") < DURATION_S - 1
    watch.keyboard.press("x")
    expect(bar).to_be_hidden()
    watch.wait_for_function("() => document.querySelector('streamtime-video').ended")


def test_a_seek_leaves_the_part(watch: Page) -> None:
    seek(watch, 0.5)
    more(watch, "Loop from here").click()
    seek(watch, 1.5)
    more(watch, "Loop until here").click()
    expect(actions.player(watch)).to_have_attribute("data-loop", "0.50 1.50")
    seek(watch, 4)
    watch.keyboard.press("k")
    watch.wait_for_function("() => document.querySelector('streamtime-video').ended")


def test_frames_are_stepped_one_by_one(watch: Page) -> None:
    seek(watch, 2.01)
    assert frame(watch) == 2 * RATE
    for number in range(1, 6):
        watch.keyboard.press(".")
        assert frame(watch) == 2 * RATE + number
    for number in range(4, -2, -1):
        watch.keyboard.press(",")
        assert frame(watch) == 2 * RATE + number
    seek(watch, 0)
    watch.keyboard.press(",")
    assert frame(watch) == 0

    forward = more(watch, "Next frame")
    forward.click()
    forward.click()
    assert frame(watch) == 2
    expect(forward).to_be_visible()


def test_a_step_pauses(watch: Page) -> None:
    actions.play(watch)
    watch.keyboard.press(".")
    watch.wait_for_function("() => document.querySelector('streamtime-video').paused")


@pytest.mark.parametrize("by", ["menu", "key"])
def test_a_link_to_this_moment_is_copied_and_starts_there(
    open_context: OpenContext, shared_server: Server, ada: Person, video: str, by: str
) -> None:
    context = open_context(shared_server.url, ada, permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"/watch/{video}#t=1")
    expect(actions.player(page)).to_have_attribute("data-phase", "ready")
    seek(page, 3.4)
    if by == "menu":
        more(page, "Copy link at this moment").click()
    else:
        page.keyboard.press("u")
    expect(page.locator("[data-player-say]")).to_have_text("Link copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{shared_server.url}/watch/{video}?t=3"
    page.goto(copied)
    page.wait_for_function(f"() => {TIME} === 3")


def test_statistics_are_shown_and_renewed(watch: Page) -> None:
    more(watch, "Playback statistics", "menuitemcheckbox").click()
    panel = watch.get_by_role("region", name="Playback statistics")

    def place(name: str) -> Locator:
        return panel.locator(f"[data-statistic={name}]")

    height = actions.player(watch).get_attribute("data-level")
    expect(place("quality")).to_have_text(f"{height}p, chosen automatically")
    expect(place("resolution")).to_have_text(re.compile(r"^320 \W 180, shown as \d+ \W \d+$"))
    expect(place("rate")).to_have_text(f"{RATE} frames per second")
    expect(place("codecs")).to_have_text(re.compile(r"^avc1\.\w+, mp4a\.40\.2$"))
    expect(place("bitrate")).to_have_text(re.compile(r"^\d+(\.\d)? [kM]bit/s$"))
    expect(place("bandwidth")).to_have_text(re.compile(r"^\d+(\.\d)? [kM]bit/s$"))
    expect(place("buffer")).to_have_text(re.compile(r"^[1-9](\.\d)? s$"))
    expect(place("dropped")).to_have_text(re.compile(r"^\d+ of \d+$"))
    expect(place("time")).to_have_text("0:00 / 0:06")
    expect(place("host")).to_have_text(re.compile(r"^127\.0\.0\.1:\d+$"))
    assert faults_of(watch) == []
    seek(watch, 3.2)
    expect(place("time")).to_have_text("0:03 / 0:06")
    panel.get_by_role("button", name="Close the statistics").click()
    expect(panel).to_be_hidden()
    watch.keyboard.press("s")
    expect(panel).to_be_visible()
    watch.keyboard.press("s")
    expect(panel).to_be_hidden()


def test_statistics_give_way_to_the_menu_on_a_phone(
    open_context: OpenContext, shared_server: Server, ada: Person, video: str
) -> None:
    page = open_context(shared_server.url, ada, viewport={"width": 390, "height": 844}).new_page()
    page.goto(f"/watch/{video}")
    expect(actions.player(page)).to_have_attribute("data-phase", "ready")
    page.keyboard.press("s")
    panel = page.locator("[data-player-statistics]")
    bar = page.locator("media-time-range").bounding_box()
    box = panel.bounding_box()
    assert bar
    assert box
    assert box["y"] + box["height"] <= bar["y"]
    more(page, "Playback statistics", "menuitemcheckbox").click()
    expect(panel).to_be_hidden()


def test_the_menu_is_walked_by_keys_and_gives_the_focus_back(watch: Page) -> None:
    watch.locator("media-settings-menu-button").focus()
    watch.keyboard.press("Enter")
    expect(watch.locator(".menu-quality")).to_be_focused()
    watch.keyboard.press("End")
    expect(watch.locator(".menu-more")).to_be_focused()
    watch.keyboard.press("Enter")
    first = watch.locator("media-chrome-menu-item").filter(has_text="Copy link at this moment")
    expect(first).to_be_focused()
    for _ in range(4):
        watch.keyboard.press("ArrowDown")
    expect(watch.locator("[data-player-do=loop]")).to_be_focused()
    watch.keyboard.press("Space")
    expect(watch.locator("[data-player-say]")).to_have_text("Loop is on")
    expect(first).to_be_hidden()
    expect(watch.locator("media-settings-menu-button")).to_be_focused()
    expect(more(watch, "Loop", "menuitemcheckbox")).to_have_attribute("aria-checked", "true")


def test_a_shared_address_starts_at_a_moment(watch: Page, video: str, guest: Page) -> None:
    seek(watch, 4.5)
    watch.get_by_role("link", name="Share", exact=True).click()
    dialog = watch.get_by_role("dialog")
    address = dialog.locator("#share-address")
    expect(address).to_have_value(re.compile(rf"/watch/{video}$"))
    code = dialog.get_by_role("img", name="QR code of the address").locator("path")
    before = code.get_attribute("d")
    start = dialog.get_by_role("checkbox", name="Start at")
    start.check()
    expect(dialog.get_by_role("textbox", name="Start at")).to_have_value("0:04")
    expect(address).to_have_value(re.compile(rf"/watch/{video}\?t=4$"))
    assert code.get_attribute("d") != before
    dialog.get_by_role("textbox", name="Start at").fill("0:02")
    dialog.get_by_role("textbox", name="Start at").press("Enter")
    expect(address).to_have_value(re.compile(r"\?t=2$"))
    guest.goto(f"/watch/{video}?t=2")
    guest.wait_for_function(f"() => {TIME} === 2")
    start.uncheck()
    expect(address).to_have_value(re.compile(rf"/watch/{video}$"))


def test_times_in_a_description_seek(watch: Page) -> None:
    watch.get_by_role("region", name="Description").get_by_role("link", name="0:04").click()
    watch.wait_for_function(f"() => {TIME} >= 4")
