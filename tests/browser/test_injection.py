"""What people write is shown as they wrote it, on every page; none of it ever runs."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser import actions
from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.clips import make_clip, run_ffmpeg
from tests.people import Person
from tests.server import Server

MakeClip = Callable[..., Path]

PAYLOAD = "\"'><img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
BARE = "<svg onload=document.title='owned'>"
TEMPLATE = "{{ 7 * 7 }}${7*7}<%= 7*7 %>"
LINKS = (
    "javascript:document.title='owned' http://example.org/\"onmouseover=document.title='owned' https://a.example/<b>"
)


def assert_calm(page: Page) -> None:
    assert page.title() != "owned"
    assert page.locator("img[src=x], svg[onload], b").count() == 0


def test_texts_of_a_video_are_texts_on_every_page(page: Page, guest: Page, ada: Person, clip: MakeClip) -> None:
    video = actions.upload_and_wait(ada, clip("plain.mp4", duration_s=2, width=320, height=180), visibility="public")
    ada.change(video, title=PAYLOAD, description=f"{PAYLOAD}\n{LINKS}\n{TEMPLATE}", tags=[BARE, TEMPLATE])
    paths = ["/explore", "/@ada", f"/watch/{video}", f"/search?q={BARE}"]
    for tab, seen in ((page, [*paths, "/library", f"/watch/{video}/edit", f"/watch/{video}/delete"]), (guest, paths)):
        for path in seen:
            tab.goto(path)
            assert_calm(tab)
    page.goto(f"/watch/{video}")
    expect(page.get_by_role("heading", level=1)).to_have_text(PAYLOAD)
    expect(page.get_by_role("list", name="Tags").get_by_role("link")).to_have_text([BARE, TEMPLATE])
    assert page.locator("a[href^='javascript']").count() == 0
    actions.open_more(page)
    page.get_by_role("link", name="Delete", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text(PAYLOAD)
    assert_calm(page)


def test_captions_and_chapters_are_text(page: Page, ada: Person, tmp_path: Path) -> None:
    chapters = (
        f";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2000\ntitle={BARE.replace('=', chr(92) + '=')}\n"
    )
    (tmp_path / "chapters.txt").write_text(chapters)
    clip = make_clip(tmp_path / "plain.mp4", duration_s=2, width=320, height=180)
    film = tmp_path / "film.mkv"
    run_ffmpeg("-i", str(clip), "-i", str(tmp_path / "chapters.txt"), "-map_chapters", "1", "-c", "copy", str(film))
    video = actions.upload_and_wait(ada, film, visibility="public")
    voice = "<v \"onload=document.title='owned'>"
    text = f"WEBVTT\n\n00:00.000 --> 00:09.000\n{voice}{PAYLOAD}{BARE}\n"
    asked = {"language": "en", "label": PAYLOAD[:80]}
    at = f"/api/v1/videos/{video}/captions"
    track = ada.api.post(at, params=asked, content=text.encode()).raise_for_status().json()
    written = ada.api.get(track["url"]).raise_for_status().text.partition("\n\n")[2]
    assert "<" not in written
    assert "&lt;img src=x onerror" in written
    page.goto(f"/watch/{video}/edit")
    expect(page.get_by_role("region", name="Captions")).to_contain_text(PAYLOAD[:80])
    assert_calm(page)
    page.goto(f"/watch/{video}")
    expect(page.get_by_role("navigation", name="Chapters")).to_contain_text(BARE)
    page.locator("[data-player-start]").click()
    # It is over soon, and looking may take long.
    page.wait_for_function("() => document.querySelector('streamtime-video').currentTime > 0")
    page.locator("video").evaluate("(video) => { video.pause(); video.currentTime = 0.5; }")
    page.keyboard.press("c")
    page.wait_for_function(
        "() => [...document.querySelector('streamtime-video').textTracks].some((track) => track.mode === 'showing'"
        " && [...(track.activeCues ?? [])].some((cue) => cue.text.includes('onerror')))"
    )
    page.locator("#player").hover()
    page.locator("media-settings-menu-button").click()
    page.locator(".menu-captions").click()
    # A name in a playlist holds no double quote, so none gets in.
    expect(page.get_by_role("menuitemradio", name=PAYLOAD[:80].replace('"', "'"))).to_be_visible()
    assert_calm(page)


def test_a_live_card_is_text_too(page: Page, ada: Person, clip: MakeClip) -> None:
    video = actions.upload_and_wait(ada, clip("plain.mp4", duration_s=2, width=320, height=180))
    page.goto("/library")
    ada.change(video, title=PAYLOAD)
    expect(actions.card(page, video).get_by_role("heading")).to_have_text(PAYLOAD)
    assert_calm(page)


def test_the_name_of_a_file_is_text(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "<img src=x onerror=document.title='owned'>.mp4"
    path.write_bytes(b"no video" * 100)
    page.goto("/upload")
    actions.choose_files(page, path)
    actions.wait_phase(page.locator(".upload"), "failed")
    assert_calm(page)
    page.goto(f"/watch/{actions.video_of(page.locator('.upload'))}")
    assert_calm(page)


def test_what_a_form_gives_back_is_text(open_context: OpenContext, server: Server, guard: BrowserMonitor) -> None:
    guard.allow("status of 40[01]")
    page = open_context(server.url).new_page()
    page.goto("/setup")
    page.get_by_label("Setup code").fill("<b>0</b>")
    page.get_by_label("User name").fill(BARE[:32])
    page.get_by_label("Password").fill("long enough, it is")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_label("User name")).to_have_value(BARE[:32])
    assert_calm(page)
    server.person("ada")
    page.goto("/login?next=javascript:document.title='owned'")
    page.get_by_label("User name").fill(PAYLOAD[:64])
    page.get_by_label("Password").fill("wrong, but long enough")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("User name")).to_have_value(PAYLOAD[:64])
    assert_calm(page)
