"""What a video will cost is told before it is sent, and how it was prepared afterwards."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser import actions

MakeClip = Callable[..., Path]


def test_the_cost_is_told_before_and_the_history_after(page: Page, clip: MakeClip) -> None:
    page.goto("/upload")
    actions.choose_files(page, clip("trip.mp4", duration_s=2, width=320, height=180))
    upload = actions.upload_row(page, "trip.mp4")
    expect(upload.locator("[data-cost]")).to_contain_text("on the server with all qualities")
    actions.wait_phase(upload, "playable")
    video = actions.video_of(upload)
    page.goto(f"/watch/{video}/edit")
    page.get_by_role("link", name="How it was prepared").click()
    expect(page.get_by_role("heading", name="How it was prepared")).to_be_visible()
    expect(page.get_by_text("copied").first).to_be_visible()
    expect(page.get_by_role("heading", name="What happened")).to_be_visible()
