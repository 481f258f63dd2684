"""Sound tracks, captions and chapters in the player, and captions on the edit page."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import actions
from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.browser.page_checks import is_too_wide
from tests.multitrack_clip import make_multitrack_clip
from tests.people import Person
from tests.server import Server, wait_until

SUBRIP = "1\n00:00:00,000 --> 00:00:09,000\nHand made\n".encode("utf-16")
SHOWS = """(text) => [...document.querySelector("streamtime-video").textTracks]
  .filter((track) => track.mode === "showing")
  .some((track) => [...(track.activeCues ?? [])].some((cue) => cue.text.includes(text)))"""


@pytest.fixture(scope="module")
def film(ada: Person, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = make_multitrack_clip(tmp_path_factory.mktemp("film") / "film.mkv")
    return actions.upload_and_wait(ada, path, title="Film", visibility="public")


def begin(page: Page) -> None:
    """Play a moment of it, and stop: it is over soon, and looking may take long."""
    page.locator("[data-player-start]").click()
    page.wait_for_function("() => document.querySelector('streamtime-video').currentTime > 0.1")
    page.locator("video").evaluate("(video) => { video.pause(); video.currentTime = 0.1; }")


def choose(page: Page, menu: str, name: str) -> None:
    """Choose something in one of the player's menus."""
    page.locator("#player").hover()
    page.locator("media-settings-menu-button").click()
    page.locator(menu).click()
    page.get_by_role("menuitemradio", name=name, exact=True).click()


def await_cue(page: Page, text: str) -> None:
    """Wait until a cue with this text is on the picture."""
    page.wait_for_function(SHOWS, arg=text)


def test_the_second_sound_and_captions_are_chosen_and_remembered(page: Page, film: str) -> None:
    page.goto(f"/watch/{film}")
    begin(page)
    player = actions.player(page)
    expect(player).to_have_attribute("data-audio", "English")
    choose(page, ".menu-audio", "Kommentar")
    expect(player).to_have_attribute("data-audio", "Kommentar")
    choose(page, ".menu-captions", "German")
    expect(player).to_have_attribute("data-captions", "German")
    page.locator("video").evaluate("(video) => { video.currentTime = 1; }")
    await_cue(page, "Guten <b>Morgen</b>\nund willkommen")
    page.keyboard.press("c")
    expect(player).to_have_attribute("data-captions", "")
    page.keyboard.press("c")
    expect(player).to_have_attribute("data-captions", "German")

    page.reload()
    begin(page)
    expect(player).to_have_attribute("data-audio", "Kommentar")
    expect(player).to_have_attribute("data-captions", "German")
    page.locator("video").evaluate("(video) => { video.currentTime = 3; }")
    await_cue(page, "Über uns")


def test_the_player_starts_with_the_preferred_languages(
    open_context: OpenContext, shared_server: Server, film: str
) -> None:
    viewer = shared_server.person("prefers")
    wanted = {"captions_language": "de", "audio_language": "de"}
    viewer.api.patch("/api/v1/me/preferences", json=wanted).raise_for_status()
    page = open_context(shared_server.url, viewer).new_page()
    page.goto(f"/watch/{film}")
    begin(page)
    player = actions.player(page)
    expect(player).to_have_attribute("data-audio", "Kommentar")
    expect(player).to_have_attribute("data-captions", "German")
    choose(page, ".menu-captions", "English")
    expect(player).to_have_attribute("data-captions", "English")
    viewer.api.patch("/api/v1/me/preferences", json={"captions_language": "off"}).raise_for_status()
    page.reload()
    begin(page)
    expect(player).to_have_attribute("data-audio", "Kommentar")
    expect(player).to_have_attribute("data-captions", "")


def test_chapters_are_stills_that_seek(page: Page, ada: Person, film: str) -> None:
    wait_until(lambda: ada.look(film)["urls"]["storyboard"], "stills", within_s=actions.SETTLED_WITHIN_MS / 1000)
    page.goto(f"/watch/{film}")
    strip = page.get_by_role("navigation", name="Chapters")
    chapters = strip.get_by_role("link")
    texts = (r"0:00\s*Opening", r"0:02\s*<b>Middle</b> & more", r"0:04\s*End")
    expect(chapters).to_have_text([re.compile(text) for text in texts])
    expect(chapters.locator("svg image")).to_have_count(3)
    expect(actions.player(page)).to_have_attribute("data-phase", "ready")
    expect(chapters.nth(0)).to_have_attribute("aria-current", "true")
    chapters.nth(2).click()
    page.wait_for_function("() => document.querySelector('streamtime-video').currentTime >= 4")
    expect(strip.locator("[aria-current]")).to_have_text(re.compile("End"))
    chapters.nth(1).focus()
    page.keyboard.press("Enter")
    expect(strip.locator("[aria-current]")).to_have_text(re.compile("Middle"))
    page.wait_for_function(
        "() => [...document.querySelector('streamtime-video').textTracks].some("
        "(track) => track.kind === 'chapters' && track.cues?.length === 3)"
    )


def test_chapters_scroll_sideways_on_a_phone_and_keep_the_current_one_in_view(
    open_context: OpenContext, shared_server: Server, ada: Person, film: str
) -> None:
    page = open_context(shared_server.url, ada, viewport={"width": 390, "height": 844}).new_page()
    page.goto(f"/watch/{film}#t=5")
    strip = page.get_by_role("navigation", name="Chapters")
    expect(strip.locator("[aria-current]")).to_have_text(re.compile("End"))
    expect(strip.locator("[aria-current]")).to_be_in_viewport(ratio=1)
    assert not is_too_wide(page)


def test_a_shared_film_shows_its_chapters_and_their_stills(guest: Page, ada: Person, film: str) -> None:
    wait_until(lambda: ada.look(film)["urls"]["storyboard"], "stills", within_s=actions.SETTLED_WITHIN_MS / 1000)
    link = ada.api.post("/api/v1/links", json={"videos": [film]}).raise_for_status().json()["url"]
    with guest.expect_response(lambda answer: "storyboard-0.jpg" in answer.url) as still:
        guest.goto(link)
    assert still.value.ok
    expect(guest.get_by_role("navigation", name="Chapters").get_by_role("link")).to_have_count(3)


def test_captions_are_added_replaced_and_deleted_by_hand(page: Page, ada: Person, film: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.srt"
    path.write_bytes(SUBRIP)
    page.goto(f"/watch/{film}/edit")
    section = page.get_by_role("region", name="Captions")
    section.get_by_label("File").set_input_files(path)
    section.get_by_label("Language").select_option("fr")
    section.get_by_label("Label").fill("By hand")
    section.get_by_role("button", name="Add captions").click()
    track = section.get_by_role("listitem").filter(has_text="By hand")
    expect(track).to_contain_text("1 cue")
    page.goto(f"/watch/{film}")
    begin(page)
    choose(page, ".menu-captions", "By hand")
    await_cue(page, "Hand made")

    path.write_text("WEBVTT\n\n00:00.000 --> 00:09.000\nOne\n\n00:09.000 --> 00:10.000\nTwo\n")
    page.goto(f"/watch/{film}/edit")
    section.get_by_label("Replace By hand").set_input_files(path)
    expect(track).to_contain_text("2 cues")
    section.get_by_role("link", name="Delete By hand").click()
    page.get_by_role("dialog", name="Delete the captions “By hand”?").get_by_role("button", name="Delete").click()
    expect(track).to_have_count(0)
    assert [caption["label"] for caption in ada.look(film)["captions"]] == ["English", "German"]


def test_a_file_that_holds_no_captions_is_said_beside_it(
    open_context: OpenContext, shared_server: Server, guard: BrowserMonitor, ada: Person, film: str, tmp_path: Path
) -> None:
    guard.allow("status of 400")
    path = tmp_path / "letter.srt"
    path.write_text("Dear Ada")
    page = open_context(shared_server.url, ada, java_script_enabled=False).new_page()
    page.goto(f"/watch/{film}/edit")
    section = page.get_by_role("region", name="Captions")
    section.get_by_label("File").set_input_files(path)
    section.get_by_label("Language").select_option("de")
    section.get_by_role("button", name="Add captions").click()
    expect(section).to_contain_text("There are no captions in this file.")
    expect(section.get_by_label("Language")).to_have_value("de")
    expect(page.get_by_label("Title")).to_have_value("Film")
