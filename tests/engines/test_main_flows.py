"""The main flows in Firefox and WebKit: sign in, upload, watch to the end, quality, captions, playlist, search."""

from pathlib import Path

import pytest

from tests.engines.tab import Tab
from tests.multitrack_clip import make_multitrack_clip
from tests.people import PASSWORD, Person
from tests.server import Server, wait_until

VIDEO = "document.querySelector('streamtime-video')"
PLAYS = (
    f"(beyond) => {{ const video = {VIDEO}; return (video?.ended || !video?.paused) && video.currentTime > beyond; }}"
)
PICTURE = f"(height) => {VIDEO}.nativeEl.videoHeight === height"
CUE = f"""(text) => [...{VIDEO}.textTracks].filter((track) => track.mode === "showing")
  .some((track) => [...(track.activeCues ?? [])].some((cue) => cue.text.includes(text)))"""
BRIGHTNESS = f"""() => {{
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [64, 36];
  const pen = canvas.getContext("2d");
  pen.drawImage({VIDEO}.nativeEl, 0, 0, 64, 36);
  const {{ data }} = pen.getImageData(0, 0, 64, 36);
  return data.reduce((sum, value, at) => (at % 4 === 3 ? sum : sum + value), 0) / (64 * 36 * 3);
}}"""


@pytest.fixture(scope="session")
def film(clips: Path) -> Path:
    """Twenty seconds with two qualities, two audio tracks and captions in two languages."""
    return make_multitrack_clip(clips / "sea_film.mkv", size="640x360", duration_s=20)


def choose(tab: Tab, menu: str, name: str) -> None:
    """Choose something in one of the player's menus."""
    tab.click("media-settings-menu-button")
    tab.click(menu)
    tab.click("[role=menuitemradio]", name)


def test_main_flows(tab: Tab, shared_server: Server, film: Path, request: pytest.FixtureRequest) -> None:
    person = shared_server.person(request.node.callspec.id)
    sign_in(tab, person.name)
    video = upload(tab, person, film)
    watch(tab)
    play_playlist(tab)
    jump_by_search(tab, video)


def sign_in(tab: Tab, name: str) -> None:
    tab.goto("/library")
    tab.fill("[name=name]", name)
    tab.fill("[name=password]", PASSWORD)
    tab.click("button", "Sign in")
    tab.see("h1", "Library")


def upload(tab: Tab, person: Person, film: Path) -> str:
    tab.click("a", "Upload")
    tab.see("#upload")
    tab.choose_file("#files", film)
    video: str = tab.wait("() => document.querySelector('.upload[data-phase=playable]')?.dataset.video", within_s=180)
    wait_until(lambda: person.look(video)["state"] == "ready", "all qualities", within_s=180)
    tab.click("[data-watch]")
    tab.see("h1", "sea film")
    return video


def watch(tab: Tab) -> None:
    tab.attribute("#player", "data-levels", "360 240")
    tab.click("[data-player-start]")
    tab.wait(PLAYS, 0.2)
    tab.press("k")
    assert tab.run(BRIGHTNESS) > 40

    choose(tab, ".menu-quality", "240p")
    tab.attribute("#player", "data-quality", "240")
    tab.press("k")
    tab.wait(PICTURE, 240)
    tab.press("k", "0")
    choose(tab, ".menu-captions", "English")
    tab.attribute("#player", "data-captions", "English")
    tab.press("k")
    tab.wait(CUE, "morning")
    tab.press("9")
    tab.wait(f"() => {VIDEO}.ended")


def play_playlist(tab: Tab) -> None:
    tab.click(".watch-more > summary")
    tab.click("a", "Add to playlist")
    tab.fill("dialog [name=title]", "Sea")
    tab.click("dialog button", "Create and add")
    tab.see("dialog [aria-pressed=true]", "Sea")
    tab.click("dialog a", "Done")
    tab.goto("/playlists")
    tab.click("main a", "Sea")
    tab.click("main a", "Play all")
    tab.see("[data-queue]", "sea film")
    tab.click("[data-player-start]")
    tab.wait(PLAYS, 0.2)


def jump_by_search(tab: Tab, video: str) -> None:
    tab.fill("[data-search]", "Above")
    tab.see("#suggestions", "sea film")
    tab.press("Enter")
    tab.see("h1", "Above")
    tab.click(f"#video-{video} a", "Above us")
    tab.wait(f"() => {VIDEO}?.readyState > 0 && {VIDEO}.currentTime >= 2")
