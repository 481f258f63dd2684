"""The transcript beside the player: it follows, is searched, seeks, and shows the captions that are chosen."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import actions
from tests.browser.conftest import OpenContext
from tests.browser.page_checks import faults_of, is_too_wide
from tests.people import Person
from tests.server import Server

MakeClip = Callable[..., Path]

LINES = 40
LINE_MS = 500
SHOUT = "Über <b>alle</b> &amp; Gipfel"


def subrip(line: Callable[[int], str]) -> bytes:
    """Captions of a line each half second."""

    def at(number: int) -> str:
        return f"00:00:{number * LINE_MS // 1000:02},{number * LINE_MS % 1000:03}"

    cues = (f"{number + 1}\n{at(number)} --> {at(number + 1)}\n{line(number)}\n" for number in range(LINES))
    return "\n".join(cues).encode()


@pytest.fixture(scope="module")
def video(ada: Person, clip: MakeClip) -> str:
    made = actions.upload_and_wait(ada, clip("spoken.mp4", duration_s=20, width=320, height=180), visibility="public")
    for language, line in (
        ("en", lambda number: SHOUT if number == 7 else f"Line {number}"),
        ("de", lambda number: f"Zeile {number}"),
    ):
        answer = ada.api.post(f"/api/v1/videos/{made}/captions", params={"language": language}, content=subrip(line))
        answer.raise_for_status()
    return made


@pytest.fixture
def silent(ada: Person, clip: MakeClip) -> str:
    return actions.upload_and_wait(ada, clip("silent.mp4", duration_s=2, width=320, height=180))


def opened(page: Page, path: str) -> Locator:
    """Open a page and its transcript."""
    page.goto(path)
    expect(actions.player(page)).to_have_attribute("data-phase", "ready")
    page.keyboard.press("w")
    panel = page.get_by_role("region", name="Transcript")
    expect(panel.get_by_role("listitem")).to_have_count(LINES)
    return panel


def seek(page: Page, seconds: float) -> None:
    page.locator("video").evaluate("(video, seconds) => { video.currentTime = seconds; }", seconds)


def await_time(page: Page, seconds: float) -> None:
    page.wait_for_function(
        "(at) => Math.abs(document.querySelector('streamtime-video').currentTime - at) < 0.1", arg=seconds
    )


def test_a_line_seeks_and_the_current_one_is_followed(page: Page, video: str) -> None:
    panel = opened(page, f"/watch/{video}")
    current = panel.locator("[aria-current]")
    expect(current).to_contain_text("Line 0")
    seek(page, 15.1)
    expect(current).to_contain_text("Line 30")
    expect(current).to_be_in_viewport(ratio=1)
    panel.get_by_role("button", name="Line 28").click()
    await_time(page, 14)
    expect(current).to_contain_text("Line 28")


def test_it_stops_following_where_somebody_scrolls(page: Page, video: str) -> None:
    panel = opened(page, f"/watch/{video}")
    follow = panel.get_by_role("button", name="Follow the video")
    expect(follow).to_be_hidden()
    panel.get_by_role("list").hover()
    page.mouse.wheel(0, 60)
    expect(follow).to_be_visible()
    seek(page, 19.1)
    expect(panel.locator("[aria-current]")).to_contain_text("Line 38")
    expect(panel.locator("[aria-current]")).not_to_be_in_viewport()
    follow.click()
    expect(panel.locator("[aria-current]")).to_be_in_viewport(ratio=1)
    expect(follow).to_be_hidden()


def test_it_is_searched_without_case_and_accents(page: Page, video: str) -> None:
    panel = opened(page, f"/watch/{video}")
    search = panel.get_by_role("searchbox", name="Search the transcript")
    search.fill("UBER alle")
    expect(panel.get_by_role("listitem")).to_have_text(["0:03Über alle & Gipfel"])
    expect(panel.locator("mark")).to_have_text("Über alle")
    expect(panel.get_by_role("status")).to_have_text(f"1 of {LINES} lines")
    assert faults_of(page) == []
    search.fill("line 3")
    expect(panel.get_by_role("listitem")).to_have_count(11)
    search.press("Escape")
    expect(panel.get_by_role("listitem")).to_have_count(LINES)
    expect(panel.locator("mark")).to_have_count(0)
    search.press("Escape")
    expect(panel).to_be_hidden()


def test_it_is_used_by_keys_alone(page: Page, video: str) -> None:
    panel = opened(page, f"/watch/{video}")
    panel.get_by_role("searchbox").focus()
    page.keyboard.press("Tab")
    expect(panel.get_by_role("button", name="Line 0")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(panel.get_by_role("button", name="Line 2", exact=False).first).to_be_focused()
    page.keyboard.press("Enter")
    await_time(page, 1)
    page.keyboard.press("End")
    expect(panel.get_by_role("button", name=f"Line {LINES - 1}")).to_be_focused()
    page.keyboard.press("w")
    expect(panel).to_be_hidden()


def test_the_captions_menu_chooses_its_track(page: Page, video: str) -> None:
    panel = opened(page, f"/watch/{video}")
    expect(panel.locator("[data-transcript-track]")).to_have_text("English")
    actions.player(page).hover()
    page.locator("media-settings-menu-button").click()
    page.locator(".menu-captions").click()
    page.get_by_role("menuitemradio", name="German", exact=True).click()
    expect(panel.locator("[data-transcript-track]")).to_have_text("German")
    expect(panel.get_by_role("listitem").first).to_contain_text("Zeile 0")


def test_it_is_below_the_player_on_a_phone(
    open_context: OpenContext, shared_server: Server, ada: Person, video: str
) -> None:
    page = open_context(shared_server.url, ada, viewport={"width": 390, "height": 844}).new_page()
    panel = opened(page, f"/watch/{video}")
    place, player = panel.bounding_box(), actions.player(page).bounding_box()
    assert place
    assert player
    assert place["y"] >= player["y"] + player["height"]
    assert place["height"] < page.evaluate("innerHeight")
    assert not is_too_wide(page)


def test_a_guest_reads_it_through_a_link(guest: Page, ada: Person, video: str) -> None:
    link = ada.api.post("/api/v1/links", json={"videos": [video]}).raise_for_status().json()["url"]
    expect(opened(guest, link).get_by_role("listitem").first).to_contain_text("Line 0")


def test_a_video_without_captions_has_none(page: Page, silent: str) -> None:
    page.goto(f"/watch/{silent}")
    expect(actions.player(page)).to_have_attribute("data-phase", "ready")
    page.keyboard.press("w")
    expect(page.locator("[data-player-say]")).to_have_text("This video has no captions")
    expect(page.locator("[data-transcript]")).to_be_hidden()
