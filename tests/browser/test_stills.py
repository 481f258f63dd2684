"""Stills as people meet them: a card that a pointer rests on, the seek bar, the poster of one's choice."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import actions
from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.people import Person
from tests.server import Server, wait_until

MakeClip = Callable[..., Path]
LONGER_THAN_ANY_REST_MS = 5_000


@pytest.fixture(scope="module")
def video(ada: Person, clip: MakeClip) -> Iterator[str]:
    """A public video that has its stills."""
    made = actions.upload_and_wait(ada, clip("stills.mp4", duration_s=4, width=320, height=180), visibility="public")
    wait_until(lambda: ada.look(made)["urls"]["storyboard"], "stills", within_s=actions.SETTLED_WITHIN_MS / 1000)
    yield made
    ada.api.delete(f"/api/v1/videos/{made}").raise_for_status()


def fetched(page: Page) -> list[str]:
    """Keep the addresses of previews that the page asks for."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "preview.mp4" in request.url else None)
    return asked


def test_a_card_plays_its_preview_while_a_pointer_rests_on_it(page: Page, video: str) -> None:
    asked = fetched(page)
    page.goto("/explore")
    card = actions.card(page, video)
    expect(card).to_be_visible()
    assert asked == []
    card.hover()
    film = card.locator("video.still-preview")
    expect(card.locator("[data-playing]")).to_be_visible(timeout=actions.SETTLED_WITHIN_MS)
    assert film.evaluate("(film) => [film.muted, film.loop, film.paused]") == [True, True, False]
    assert asked
    page.get_by_role("heading", level=1).hover()
    expect(film).to_have_count(0)
    expect(card.locator("[data-playing]")).to_have_count(0)


def test_a_picture_that_does_not_come_is_not_a_torn_sheet(page: Page, video: str, guard: BrowserMonitor) -> None:
    guard.allow("status of 503")
    page.route(re.compile("poster"), lambda route: route.fulfill(status=503))
    page.goto("/explore")
    card = actions.card(page, video)
    expect(card).to_be_visible()
    expect(card.locator(".still-picture")).to_be_hidden()


def test_the_keyboard_plays_it_as_well(page: Page, video: str) -> None:
    page.goto("/explore")
    card = actions.card(page, video)
    page.get_by_role("combobox").first.focus()
    link = card.locator(".card-link")
    for _ in range(60):
        page.keyboard.press("Tab")
        if link.evaluate("(link) => link === document.activeElement"):
            break
    expect(card.locator("[data-playing]")).to_be_visible(timeout=actions.SETTLED_WITHIN_MS)
    page.keyboard.press("Tab")
    expect(card.locator("video.still-preview")).to_have_count(0)


def test_nothing_moves_where_less_motion_is_asked_for(
    open_context: OpenContext, shared_server: Server, video: str
) -> None:
    page = open_context(shared_server.url, reduced_motion="reduce").new_page()
    asked = fetched(page)
    page.clock.install()
    page.goto("/explore")
    actions.card(page, video).hover()
    page.clock.run_for(LONGER_THAN_ANY_REST_MS)
    expect(page.locator("video.still-preview")).to_have_count(0)
    assert asked == []


def test_the_seek_bar_shows_small_pictures(page: Page, video: str) -> None:
    page.goto(f"/watch/{video}")
    expect(actions.player(page)).to_have_attribute("data-phase", "ready", timeout=actions.SETTLED_WITHIN_MS)
    actions.play(page)
    bar = page.locator("media-time-range")
    bar.hover(position={"x": 40, "y": 10})
    expect(bar).to_have_attribute("mediapreviewimage", re.compile(r"storyboard-0\.jpg\?v=1#xywh=0,0,160,90$"))
    thumbnail = bar.locator("media-preview-thumbnail")
    expect(thumbnail).to_be_visible()
    page.wait_for_function(
        "() => document.querySelector('media-time-range').shadowRoot.querySelector('media-preview-thumbnail')"
        ".shadowRoot.querySelector('img').naturalWidth === 640"
    )


def test_the_picture_on_screen_becomes_the_poster(page: Page, ada: Person, video: str) -> None:
    before = ada.look(video)["urls"]["poster"]
    page.goto(f"/watch/{video}#t=2")
    expect(actions.player(page)).to_have_attribute("data-phase", "ready", timeout=actions.SETTLED_WITHIN_MS)
    actions.open_more(page)
    page.get_by_role("button", name="Use as poster").click()
    expect(page.locator(".toast")).to_have_text("This frame becomes the poster")
    wait_until(lambda: ada.look(video)["urls"]["poster"] != before, "another poster")
    assert 1900 <= ada.look(video)["poster_ms"] <= 2100
