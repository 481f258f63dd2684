"""A video is watched while it is being prepared, by somebody who opened its page too early."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser import walk
from tests.people import TUS, Person

MakeClip = Callable[..., Path]


def test_a_page_opened_during_the_upload_begins_by_itself(page: Page, ada: Person, clip: MakeClip) -> None:
    path = clip("growing.mkv", duration_s=20, video="mpeg4")
    content = path.read_bytes()
    half = len(content) // 2
    at = ada.begin(len(content), filename=path.name)
    ada.append(at, 0, content[:half])
    video = ada.api.head(at, headers=TUS).headers["Streamtime-Video"]
    page.goto(f"/watch/{video}")
    player = walk.player(page)
    expect(player).to_have_attribute("data-phase", "preparing")
    expect(player.get_by_text("Preparing your video")).to_be_visible()
    expect(page.locator("[data-state-card]")).to_be_visible()
    # A browser lets nothing sound by itself before somebody has touched the page.
    page.get_by_role("heading", level=1).click()
    ada.append(at, half, content[half:])
    page.evaluate("window.stillHere = true")

    expect(player).to_have_attribute("data-phase", "ready", timeout=walk.SETTLED_WITHIN_MS)
    assert player.get_attribute("data-state") == "processing"
    assert abs(length_s(page) - 20) < 0.2
    expect(page.locator("[data-fact=length]")).to_have_text("0:20")
    walk.await_moving(page, 1)
    assert walk.brightness(page) > 40

    expect(player).to_have_attribute("data-state", "ready", timeout=walk.SETTLED_WITHIN_MS)
    expect(page.locator("[data-state-card]")).to_be_hidden()
    walk.await_moving(page, walk.time_s(page) + 0.5)
    expect(player).to_have_attribute("data-levels", "360 240")
    assert abs(length_s(page) - 20) < 0.2
    assert page.evaluate("window.stillHere")


def length_s(page: Page) -> float:
    return float(page.evaluate("document.querySelector('streamtime-video').duration"))
