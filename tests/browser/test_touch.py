"""Fingers on the player, by touches that Chromium takes for real ones, and the media session of the system."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, Page, ViewportSize, expect

from tests.browser import actions
from tests.browser.conftest import OpenContext
from tests.people import Person
from tests.server import Server

MakeClip = Callable[..., Path]

PHONE: ViewportSize = {"width": 390, "height": 844}
VIDEO = "document.querySelector('streamtime-video')"
HANDLERS = """
window.mediaActions = {};
navigator.mediaSession.setActionHandler = (action, act) => { window.mediaActions[action] = act; };
"""
"""No page can press a media key: the handlers are taken as the browser would get them."""


class Finger:
    """One finger on a page. Times are those of the touches, not of this test: a busy machine changes nothing."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session: CDPSession = page.context.new_cdp_session(page)
        self._now_s = float(page.evaluate("(performance.timeOrigin + performance.now()) / 1000"))

    def _touch(self, kind: str, points: Sequence[tuple[float, float]]) -> None:
        touches = [{"x": x, "y": y} for x, y in points]
        self._session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches, "timestamp": self._now_s})

    def place(self, share: float) -> tuple[float, float]:
        """A point of the picture, at this share of its width."""
        box = self._page.locator("#player").bounding_box()
        assert box
        return box["x"] + box["width"] * share, box["y"] + box["height"] * 0.4

    def down(self, share: float) -> None:
        self._touch("touchStart", [self.place(share)])

    def up(self) -> None:
        self._touch("touchEnd", [])

    def tap(self, share: float, *, times: int = 1) -> None:
        for _ in range(times):
            self.down(share)
            self._now_s += 0.05
            self.up()
            self._now_s += 0.1

    def swipe(self, by_px: float) -> None:
        x, y = self.place(0.5)
        self._touch("touchStart", [(x, y)])
        for step in range(1, 6):
            self._now_s += 0.02
            self._touch("touchMove", [(x, y + by_px * step / 5)])
        self.up()


@pytest.fixture(scope="module")
def film(ada: Person, clip: MakeClip) -> str:
    path = clip("touched.mp4", duration_s=60, width=320, height=180, fps=5)
    return actions.upload_and_wait(ada, path, title="Touched")


@pytest.fixture
def phone(open_context: OpenContext, shared_server: Server, ada: Person, film: str) -> Page:
    """A phone with the video, paused at 30 s."""
    context = open_context(shared_server.url, ada, viewport=PHONE, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.add_init_script(HANDLERS)
    page.goto(f"/watch/{film}?t=30")
    expect(actions.player(page)).to_have_attribute("data-phase", "ready")
    await_time(page, 30)
    return page


def await_time(page: Page, at_s: float) -> None:
    page.wait_for_function(f"(at) => Math.abs({VIDEO}.currentTime - at) < 0.3", arg=at_s)


def test_taps_seek_and_add_up(phone: Page) -> None:
    finger = Finger(phone)
    finger.tap(0.85, times=2)
    await_time(phone, 40)
    finger.tap(0.85)
    await_time(phone, 50)
    expect(phone.locator("[data-player-flash]")).to_have_text("+20 s")
    finger.tap(0.15, times=4)
    await_time(phone, 20)
    finger.tap(0.5, times=2)
    await_time(phone, 20)


def test_swipes_and_a_held_finger(phone: Page) -> None:
    finger = Finger(phone)
    actions.play(phone)
    finger.down(0.5)
    phone.wait_for_function(f"() => {VIDEO}.playbackRate === 2")
    finger.up()
    phone.wait_for_function(f"() => {VIDEO}.playbackRate === 1")
    finger.swipe(-150)
    phone.wait_for_function("() => document.fullscreenElement?.id === 'player'")
    finger.swipe(150)
    phone.wait_for_function("() => document.fullscreenElement === null")
    assert phone.evaluate("scrollY") == 0


def test_a_portrait_video_fills_the_phone_and_its_page_scrolls(phone: Page, ada: Person, clip: MakeClip) -> None:
    tall = clip("upright.mp4", duration_s=2, width=180, height=320)
    phone.goto(f"/watch/{actions.upload_and_wait(ada, tall, title='Upright')}")
    expect(actions.player(phone)).to_have_attribute("data-phase", "ready")
    box = actions.player(phone).bounding_box()
    assert box
    assert (box["width"], round(box["height"])) == (390, 693)
    Finger(phone).swipe(-150)
    phone.wait_for_function("() => scrollY > 50")
    assert phone.evaluate("document.fullscreenElement") is None


def test_media_keys_and_what_the_system_shows(phone: Page) -> None:
    phone.evaluate("mediaActions.play()")
    actions.wait_playing(phone, 30)
    phone.wait_for_function("() => navigator.mediaSession.playbackState === 'playing'")
    title, artist, artwork = phone.evaluate(
        "(({ title, artist, artwork }) => [title, artist, artwork[0]?.src])(navigator.mediaSession.metadata)"
    )
    assert (title, artist) == ("Touched", "ada")
    assert phone.request.get(artwork).headers["content-type"].startswith("image/")
    phone.evaluate("mediaActions.pause()")
    phone.wait_for_function("() => navigator.mediaSession.playbackState === 'paused'")
    phone.evaluate("mediaActions.seekto({ seekTime: 20 })")
    await_time(phone, 20)
    phone.evaluate("mediaActions.seekforward({ seekOffset: 5 })")
    await_time(phone, 25)
    phone.evaluate("mediaActions.seekbackward({})")
    await_time(phone, 15)
