"""A video is watched while it is being prepared, by somebody who opened its page too early."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import actions
from tests.browser.conftest import OpenContext
from tests.people import TUS, Person
from tests.server import Server, StartServer, wait_until

MakeClip = Callable[..., Path]

LONG_FILM = {"duration_s": 120, "width": 480, "height": 360, "fps": 5}
"""Not over before its one rung is encoded, however busy the machine is."""

PATIENCE_MS = 180_000
"""There is encoding to be done, and a browser that decodes beside it."""

WATCH_INTERRUPTIONS = """() => {
  window.interruptions = [];
  const { nativeEl } = document.querySelector("streamtime-video");
  for (const name of ["emptied", "loadstart", "seeking", "stalled", "error", "ratechange", "volumechange"]) {
    nativeEl.addEventListener(name, () => window.interruptions.push(name));
  }
}"""
"""Whatever a viewer could see or hear of a picture that is loaded anew."""


def test_a_page_opened_during_the_upload_begins_by_itself(
    start_server: StartServer, open_context: OpenContext, clip: MakeClip
) -> None:
    # An encoder that stands back would wait for its turn on a busy machine.
    server = start_server(STREAMTIME_TRANSCODE__NICE="0")
    ada = server.person("ada")
    page = open_context(server.url, ada).new_page()
    page.set_default_timeout(PATIENCE_MS)
    path = clip("growing.mkv", duration_s=20, video="mpeg4")
    content = path.read_bytes()
    half = len(content) // 2
    at = ada.begin(len(content), filename=path.name)
    ada.append(at, 0, content[:half])
    video = ada.api.head(at, headers=TUS).headers["Streamtime-Video"]
    page.goto(f"/watch/{video}")
    player = actions.player(page)
    expect(player).to_have_attribute("data-phase", "preparing")
    expect(player.get_by_text("Your video is being uploaded")).to_be_visible()
    expect(page.locator("[data-state-card]")).to_be_visible()
    # A browser lets nothing sound by itself before somebody has touched the page.
    page.get_by_role("heading", level=1).click()
    ada.append(at, half, content[half:])
    page.evaluate("window.stillHere = true")

    expect(player).to_have_attribute("data-phase", "ready", timeout=PATIENCE_MS)
    assert player.get_attribute("data-state") == "processing"
    assert abs(length_s(page) - 20) < 0.2
    expect(page.locator("[data-fact=length]")).to_have_text("0:20")
    actions.wait_playing(page, 1)
    assert actions.brightness(page) > 40

    expect(player).to_have_attribute("data-state", "ready", timeout=PATIENCE_MS)
    expect(page.locator("[data-state-card]")).to_be_hidden()
    actions.wait_playing(page, actions.current_time_s(page) + 0.5)
    expect(player).to_have_attribute("data-levels", "360 240")
    page.wait_for_function("() => !document.querySelector('streamtime-video').isGrowing")
    assert abs(length_s(page) - 20) < 0.2
    page.evaluate("document.querySelector('streamtime-video').currentTime = 19.2")
    page.wait_for_function("() => document.querySelector('streamtime-video').ended")
    assert page.evaluate("window.stillHere")


def length_s(page: Page) -> float:
    return float(page.evaluate("document.querySelector('streamtime-video').duration"))


@pytest.fixture
def held_up(start_server: StartServer, clip: MakeClip) -> tuple[Server, Person, str]:
    """A server whose one encoder is at a standstill with another video, which is given beside it."""
    server = start_server(STREAMTIME_TRANSCODE__NICE="0", STREAMTIME_TRANSCODE__STALL_TIMEOUT="1h")
    person = server.person("ada", admin=True)
    other = person.upload(clip("in-the-way.mp4", duration_s=30, width=640, height=360, audio=None))
    wait_until(lambda: "240p" in person.look(other)["preparing"], "the encoder has begun", within_s=PATIENCE_MS / 1000)
    stopped = server.workers()
    assert stopped
    for worker in stopped:
        os.kill(worker, signal.SIGSTOP)
    return server, person, other


def test_qualities_that_become_ready_are_taken_up_while_it_plays(
    held_up: tuple[Server, Person, str], open_context: OpenContext, clip: MakeClip
) -> None:
    server, person, other = held_up
    video = person.upload(clip("film.mp4", **LONG_FILM))
    wait_until(lambda: person.look(video)["playable"], "copied", within_s=PATIENCE_MS / 1000)
    page = open_context(server.url, person).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"/watch/{video}")
    player = actions.player(page)
    expect(player).to_have_attribute("data-phase", "ready", timeout=PATIENCE_MS)
    actions.play(page)
    expect(player).to_have_attribute("data-levels", "360")
    page.evaluate(WATCH_INTERRUPTIONS)
    actions.choose_quality(page, "360p")
    expect(player).to_have_attribute("data-quality", "360")

    person.api.delete(f"/api/v1/videos/{other}").raise_for_status()
    expect(player).to_have_attribute("data-levels", "360 240", timeout=PATIENCE_MS)
    expect(player).to_have_attribute("data-quality", "360")
    actions.wait_playing(page, actions.current_time_s(page) + 1)
    assert page.evaluate("window.interruptions") == []
    assert actions.frame_size(page) == (480, 360)

    actions.choose_quality(page, "240p")
    expect(player).to_have_attribute("data-quality", "240")
    expect(player).to_have_attribute("data-level", "240", timeout=PATIENCE_MS)
    page.wait_for_function("() => document.querySelector('streamtime-video').nativeEl.videoHeight === 240")
    actions.wait_playing(page, actions.current_time_s(page) + 0.5)
    actions.choose_quality(page, "Auto")
    expect(player).to_have_attribute("data-quality", "auto")


def test_a_paused_player_takes_qualities_up_and_stays_where_it_is(
    held_up: tuple[Server, Person, str], open_context: OpenContext, clip: MakeClip
) -> None:
    server, person, other = held_up
    in_the_way = server.workers()
    video = person.upload(clip("film.mp4", **LONG_FILM))
    wait_until(lambda: person.look(video)["playable"], "copied", within_s=PATIENCE_MS / 1000)
    page = open_context(server.url, person).new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"/watch/{video}")
    player = actions.player(page)
    expect(player).to_have_attribute("data-phase", "ready", timeout=PATIENCE_MS)
    actions.play(page)
    page.evaluate(
        "Object.assign(document.querySelector('streamtime-video'), { playbackRate: 1.5, volume: 0.4 }).pause()"
    )
    at_s = actions.current_time_s(page)
    page.evaluate(WATCH_INTERRUPTIONS)
    progress = person.look(video)["progress"]
    person.api.delete(f"/api/v1/videos/{other}").raise_for_status()
    begun = "the page was told of the first encoded segment"
    wait_until(lambda: person.look(video)["progress"] > progress, begun, within_s=PATIENCE_MS / 1000)
    encoders = [worker for worker in server.workers() if worker not in in_the_way]
    assert encoders
    for worker in encoders:
        os.kill(worker, signal.SIGSTOP)
    preparing = player.locator("[data-player-preparing]")
    expect(preparing).to_have_text("Preparing 240p …", timeout=PATIENCE_MS)
    for worker in encoders:
        os.kill(worker, signal.SIGCONT)
    expect(player).to_have_attribute("data-levels", "360 240", timeout=PATIENCE_MS)
    expect(preparing).to_be_hidden()
    assert page.evaluate("window.interruptions") == []
    state = "(({ paused, playbackRate, volume }) => [paused, playbackRate, volume])"
    assert page.evaluate(f"{state}(document.querySelector('streamtime-video'))") == [True, 1.5, 0.4]
    assert actions.current_time_s(page) == at_s
