"""A film goes on where it was left, on another device too, and the history is cleared by hand."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import actions
from tests.browser.conftest import OpenContext
from tests.people import Person
from tests.server import Server, wait_until

TIME = "document.querySelector('streamtime-video').currentTime"
MakeClip = Callable[..., Path]


@pytest.fixture(scope="module")
def film(ada: Person, clip: MakeClip) -> str:
    return actions.upload_and_wait(ada, clip("resume.mp4", duration_s=30, width=320, height=180), visibility="public")


def test_another_device_continues_there(open_context: OpenContext, shared_server: Server, film: str) -> None:
    tess = shared_server.person("tess")
    television = open_context(shared_server.url, tess).new_page()
    television.goto(f"/watch/{film}?t=9")
    television.locator("[data-player-start]").click()
    expect(television.locator("#player")).to_have_attribute("data-started", "")
    wait_until(lambda: television.evaluate(TIME) > 10, "it plays")
    television.goto("/explore")
    position = f"/api/v1/videos/{film}/position"
    wait_until(lambda: tess.api.get(position).json()["position_ms"] > 9_000, "the position is kept")
    shelf = television.get_by_role("region", name="Continue watching")
    wait_until(lambda: television.goto("/explore") and shelf.count(), "the shelf has the film")
    phone = open_context(shared_server.url, tess, viewport={"width": 390, "height": 844}).new_page()
    phone.goto("/explore")
    phone.get_by_role("region", name="Continue watching").get_by_role("link").nth(1).click()
    expect(phone).to_have_url(re.compile(f"/watch/{film}$"))
    phone.get_by_role("button", name=re.compile("Continue at 0:1")).click()
    wait_until(lambda: phone.evaluate(TIME) > 9, "it goes on there")


def test_the_history_is_paused_and_cleared(open_context: OpenContext, shared_server: Server, film: str) -> None:
    uma = shared_server.person("uma")
    uma.api.put(f"/api/v1/videos/{film}/position", json={"position_ms": 5000, "played_ms": 5000}).raise_for_status()
    page = open_context(shared_server.url, uma).new_page()
    page.goto("/history")
    expect(page.locator(f"#video-{film} progress")).to_have_attribute("value", "17")
    page.get_by_role("button", name="Pause the history").click()
    expect(page.get_by_text("The history is paused")).to_be_visible()
    page.get_by_role("button", name="Resume the history").click()
    page.get_by_text("Clear", exact=True).click()
    page.get_by_role("button", name="Clear the whole history").click()
    expect(page.get_by_text("Nothing watched yet")).to_be_visible()


def test_a_visitor_s_position_stays_in_the_browser(open_context: OpenContext, shared_server: Server, film: str) -> None:
    page = open_context(shared_server.url).new_page()
    page.goto(f"/watch/{film}")
    page.evaluate(f"localStorage.setItem('streamtime.positions', JSON.stringify({{'{film}': [14, 1]}}))")
    page.reload()
    expect(page.get_by_role("button", name="Continue at 0:14")).to_be_visible()
