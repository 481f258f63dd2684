"""Selecting many videos of the library, changing them, and undoing a deletion; saved filters."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from benchmarks.library import seed
from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.browser.page_checks import faults_in_all_themes, is_too_wide
from tests.people import Person
from tests.server import Server, running_server

MakeClip = Callable[..., Path]
SEEDED = 40
SHOWN = 8
"""Cards of a page; scrolling loads more."""


@dataclass(frozen=True)
class Stage:
    server: Server
    ann: Person


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """A person with a library of more than one page, without media."""
    with running_server() as server:
        ann = server.person("ann")
        assert ann.token
        assert server.stop() == 0
        seed(server.data_dir / "streamtime.db", SEEDED, captions=False)
        server.start()
        yield Stage(server, ann)


@pytest.fixture
def page(stage: Stage, open_context: OpenContext, guard: BrowserMonitor) -> Page:
    guard.allow("status of 404")  # they have no posters
    opened = open_context(stage.server.url, stage.ann).new_page()
    opened.goto("/library")
    return opened


def boxes(page: Page) -> list[bool]:
    found: list[bool] = page.locator("#cards .card-select input").evaluate_all("(all) => all.map((one) => one.checked)")
    return found


def total(person: Person, **params: str) -> int:
    return int(person.api.get("/api/v1/videos/bulk", params=params).raise_for_status().json()["count"])


def test_a_range_is_deleted_and_undone(page: Page, stage: Stage) -> None:
    bar = page.get_by_role("form", name="Selected videos")
    cards = page.locator("#cards > .card")
    expect(bar).to_be_hidden()
    before = total(stage.ann)
    cards.nth(1).hover()
    cards.nth(1).locator(".card-select").click()
    expect(bar.locator("[data-selected]")).to_have_text("1 selected")
    cards.nth(4).click(modifiers=["Shift"])  # anywhere on a card
    expect(bar.locator("[data-selected]")).to_have_text("4 selected")
    assert boxes(page)[:6] == [False, True, True, True, True, False]
    cards.nth(2).click()
    expect(bar.locator("[data-selected]")).to_have_text("3 selected")
    assert page.url.endswith("/library")
    assert [*faults_in_all_themes(page)] == []

    gone = [str(cards.nth(number).get_attribute("data-video")) for number in (1, 3, 4)]
    bar.get_by_role("button", name="Delete").click()
    expect(page.locator(".toast")).to_contain_text("Deleted: 3")
    expect(bar).to_be_hidden()
    for video in gone:
        expect(page.locator(f"#video-{video}")).to_have_count(0)
    assert total(stage.ann) == before - 3
    page.locator(".toast").get_by_role("button", name="Undo").click()
    for video in gone:
        expect(page.locator(f"#video-{video}")).to_be_visible()
    assert total(stage.ann) == before


def test_all_of_a_filter_are_changed_by_keyboard_alone(page: Page, stage: Stage) -> None:
    everything = total(stage.ann)
    assert everything > SHOWN
    page.locator("[data-select-mode]").focus()
    page.keyboard.press("Control+a")
    bar = page.get_by_role("form", name="Selected videos")
    expect(bar.locator("[data-selected]")).to_have_text(f"{len(boxes(page))} selected")
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    assert not any(boxes(page))
    page.keyboard.press("Enter")  # the focus is on "Select" again
    whole = bar.get_by_label(f"All {everything} videos")
    whole.focus()
    page.keyboard.press("Space")
    expect(bar.locator("[data-selected]")).to_have_text(f"{everything} selected")
    bar.locator("summary", has_text="Tags").focus()
    page.keyboard.press("Enter")
    bar.get_by_label("Tags, separated by commas").focus()
    page.keyboard.type("seen, by keyboard")
    page.keyboard.press("Enter")
    expect(page.locator(".toast")).to_contain_text(f"Changed: {everything}")
    assert total(stage.ann, tag="By Keyboard") == everything

    page.goto("/library?tag=by+keyboard&visibility=private")
    private = total(stage.ann, visibility="private")
    page.get_by_role("button", name="Select").click()
    bar.get_by_label(f"All {private} that match").check()
    bar.locator("summary", has_text="Visibility").click()
    bar.get_by_label("Unlisted").check()
    bar.get_by_role("button", name="Set visibility").click()
    expect(page.locator(".toast")).to_contain_text(f"Changed: {private}")
    assert total(stage.ann, visibility="private") == 0


def test_without_script_the_same_form_changes_and_undoes(
    stage: Stage, open_context: OpenContext, guard: BrowserMonitor
) -> None:
    page = open_context(stage.server.url, stage.ann, java_script_enabled=False).new_page()
    page.goto("/library?sort=title")
    before = total(stage.ann)
    for number in (0, 1):
        page.locator("#cards .card-select input").nth(number).check()
    page.get_by_role("button", name="Delete", exact=True).click()
    notice = page.locator(".undo")
    expect(notice).to_contain_text("2 videos deleted.")
    assert total(stage.ann) == before - 2
    notice.get_by_role("button", name="Undo").click()
    expect(page.locator(".undo")).to_contain_text("2 videos restored.")
    assert total(stage.ann) == before
    page.goto("/library?length=long")
    page.locator("#cards .card-select input").first.check()
    page.locator("summary", has_text="Playlist").click()
    page.get_by_label("Title of a new playlist").fill("Long ones")
    page.get_by_label("All that match").check()
    page.get_by_role("button", name="Add to playlist").last.click()
    expect(page.locator(".undo")).to_contain_text(f"{total(stage.ann, min_duration_s='1200.001')} videos changed.")
    assert "length=long" in page.url
    page.goto("/library")
    guard.allow("status of 400")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.get_by_role("main")).to_contain_text("Choose some videos first.")


def test_a_filter_is_saved_renamed_and_deleted(page: Page) -> None:
    chips = page.get_by_role("navigation", name="Saved filters")
    expect(chips).to_have_count(0)
    page.get_by_label("Order").select_option("longest")
    page.wait_for_url("**/library?sort=longest")
    chips.get_by_role("link", name="Save this filter").click()
    page.get_by_role("dialog").get_by_label("Name").fill("<b>Long</b> ones first")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(chips.get_by_role("link", name="<b>Long</b> ones first")).to_have_attribute("aria-current", "page")
    chips.get_by_role("link", name="All").click()
    chips.get_by_role("link", name="<b>Long</b> ones first").click()
    expect(page.get_by_label("Order")).to_have_value("longest")
    chips.get_by_role("link", name="Change").click()
    page.get_by_role("dialog").get_by_label("Name").fill("Longest")
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(chips.get_by_role("link", name="Longest")).to_be_visible()
    chips.get_by_role("link", name="Change").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(chips).to_have_count(0)


def test_on_a_phone_a_long_press_selects(stage: Stage, open_context: OpenContext, guard: BrowserMonitor) -> None:
    guard.allow("status of 404")
    phone = {"width": 390, "height": 800}
    page = open_context(stage.server.url, stage.ann, viewport=phone, has_touch=True, is_mobile=True).new_page()
    page.goto("/library")
    box = page.locator("#cards > .card").first.locator(".still").bounding_box()
    assert box
    touch = page.context.new_cdp_session(page)
    point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    bar = page.get_by_role("form", name="Selected videos")
    expect(bar.locator("[data-selected]")).to_have_text("1 selected")
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.locator("#cards > .card").nth(1).locator(".card-title").tap()
    expect(bar.locator("[data-selected]")).to_have_text("2 selected")
    expect(bar).to_be_in_viewport(ratio=1)
    assert not is_too_wide(page)
    for panel in bar.locator("summary").all():
        panel.tap()
        expect(panel.locator("xpath=../div")).to_be_in_viewport(ratio=1)
