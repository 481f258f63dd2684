"""The edit page and the page to cut, as a person uses them: by keyboard, by forms, and without a reload."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import actions
from tests.people import Person
from tests.server import wait_until

MakeClip = Callable[..., Path]


@pytest.fixture
def film(ada: Person, clip: MakeClip) -> str:
    return actions.upload_and_wait(ada, clip("film.mp4", duration_s=6, width=320, height=180, gop_s=1), title="Film")


def test_parts_are_marked_by_keys_and_cut_in_place(page: Page, ada: Person, film: str) -> None:
    page.goto(f"/watch/{film}/edit")
    page.get_by_role("link", name="Trim and cut").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Trim and cut")
    player = page.locator("video")
    page.wait_for_function("document.querySelector('video').readyState >= 2")
    for at, key in ((1, "i"), (5, "o"), (3, "s")):
        player.evaluate("(video, at) => new Promise((done) => { video.onseeked = done; video.currentTime = at; })", at)
        page.locator("h1").click()
        page.keyboard.press(key)
    parts = page.get_by_role("list", name="Parts that stay").get_by_role("listitem")
    expect(parts).to_contain_text(["Part 1: 0:01 to 0:03", "Part 2: 0:03 to 0:05"])
    page.get_by_role("slider", name="Start of part 2").press("Shift+ArrowRight")
    expect(parts.nth(1)).to_contain_text("0:04 to 0:05")
    expect(page.locator("[data-cut-total]")).to_contain_text("0:03 of 0:06")
    page.get_by_role("radio", name="In place").check()
    page.get_by_role("button", name="Cut", exact=True).click()
    page.wait_for_url(f"**/watch/{film}/edit*")
    expect(page.get_by_text("Previous version", exact=True)).to_be_visible(timeout=actions.SETTLED_WITHIN_MS)
    assert abs(ada.look(film)["duration_ms"] - 3000) < 300
    page.get_by_role("button", name="Restore it").click()
    expect(page.get_by_text("Previous version", exact=True)).to_have_count(0)
    assert ada.look(film)["duration_ms"] > 5500


def test_another_file_is_uploaded_on_the_edit_page(page: Page, ada: Person, film: str, clip: MakeClip) -> None:
    page.goto(f"/watch/{film}/edit")
    page.locator("[data-replace]").set_input_files(clip("other.mp4", duration_s=2, width=160, height=90))
    wait_until(lambda: ada.look(film)["filename"] == "other.mp4", "the new file is in its place", within_s=120)
    expect(page.get_by_text("film.mp4")).to_be_visible(timeout=actions.SETTLED_WITHIN_MS)


def test_chapters_are_a_list(page: Page, ada: Person, film: str) -> None:
    page.goto(f"/watch/{film}/edit")
    page.get_by_role("button", name="Add a chapter at").click()
    page.keyboard.type("Begin")
    seek = "(video) => new Promise((done) => { video.onseeked = done; video.preload = 'auto'; video.currentTime = 2; })"
    page.locator(".edit-player").evaluate(seek)
    page.get_by_role("button", name="Add a chapter at").click()
    page.keyboard.type("Later")
    expect(page.get_by_label("Time", exact=True).nth(1)).to_have_value("0:02")
    page.get_by_label("Time", exact=True).nth(1).fill("0:02.5")
    page.get_by_role("button", name="Save chapters").click()
    page.wait_for_url("**/edit#chapters")
    assert [(one["start_ms"], one["title"]) for one in ada.look(film)["chapters"]] == [(0, "Begin"), (2500, "Later")]
    expect(page.get_by_label("Title", exact=True).nth(1)).to_have_value("Begin")
