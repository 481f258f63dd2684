"""Searching as people do: suggestions while typing, by keyboard and mouse, and a moment of the captions to jump to."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import actions
from tests.browser.conftest import OpenContext
from tests.people import Person
from tests.server import Server

MakeClip = Callable[..., Path]
CAPTIONS = b"1\n00:00:02,000 --> 00:00:03,500\nA heron takes off\n"


@pytest.fixture(scope="module")
def heron(ada: Person, clip: MakeClip) -> str:
    path: Path = clip("heron.mp4", duration_s=4, width=320, height=180)
    video = actions.upload_and_wait(ada, path, title="Weihnachten am Moorsee", visibility="public")
    ada.change(video, tags=["Bird life"])
    captions = f"/api/v1/videos/{video}/captions"
    ada.api.post(captions, params={"language": "en"}, content=CAPTIONS).raise_for_status()
    return video


@pytest.fixture
def page(open_context: OpenContext, shared_server: Server) -> Page:
    return open_context(shared_server.url).new_page()


def test_suggestions_lead_to_the_video_by_keyboard(page: Page, heron: str) -> None:
    page.goto("/explore")
    page.keyboard.press("/")
    field = page.get_by_role("combobox", name="Search videos")
    expect(field).to_be_focused()
    field.press_sequentially("moors")
    option = page.get_by_role("option", name="Weihnachten am Moorsee")
    expect(option).to_be_visible()
    expect(field).to_have_attribute("aria-expanded", "true")
    field.press("ArrowDown")
    expect(option).to_have_attribute("aria-selected", "true")
    field.press("Escape")
    expect(option).to_be_hidden()
    expect(field).to_have_value("moors")
    field.press("ArrowDown")
    field.press("Enter")
    expect(page).to_have_url(re.compile(f"/watch/{heron}$"))


def test_enter_without_a_choice_searches_and_a_moment_starts_the_player_there(page: Page, heron: str) -> None:
    page.goto("/explore")
    field = page.get_by_role("combobox", name="Search videos")
    field.fill("heron takes")
    field.press("Enter")
    expect(page.get_by_role("heading", name="Results for “heron takes”")).to_be_visible()
    moment = page.locator(f"#video-{heron}").get_by_role("link", name="0:02 A heron takes off")
    expect(moment.locator("mark").first).to_have_text("heron")
    moment.click()
    expect(page).to_have_url(re.compile(rf"/watch/{heron}\?t=2$"))


def test_a_suggested_tag_opens_its_page_by_mouse(page: Page, heron: str) -> None:
    page.goto("/explore")
    page.get_by_role("combobox", name="Search videos").press_sequentially("bird")
    page.get_by_role("option", name="Bird life").click()
    expect(page).to_have_url(re.compile("/tags/bird%20life$"))
    expect(page.locator(f"#video-{heron}")).to_be_visible()


def test_filters_apply_at_once_and_are_cleared_by_one_link(page: Page, heron: str) -> None:
    page.goto("/search?q=moorsee")
    expect(page.locator(f"#video-{heron}")).to_be_visible()
    page.get_by_label("Length").select_option("long")
    expect(page.get_by_text("Nothing found")).to_be_visible()
    page.get_by_role("link", name="Clear the filters").first.click()
    expect(page.locator(f"#video-{heron}")).to_be_visible()
    page.get_by_role("navigation", name="Narrow down").get_by_role("link", name="Bird life").click()
    expect(page).to_have_url(re.compile("tag=bird"))
    expect(page.locator(f"#video-{heron}")).to_be_visible()
