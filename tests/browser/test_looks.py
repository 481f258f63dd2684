"""Every page in both themes and at two widths: accessible, whole, light, with a strict policy that it keeps."""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal

import pytest
from playwright.sync_api import Page, Response, expect

from tests.browser import actions
from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.browser.page_checks import (
    faults_in_all_themes,
    faults_of,
    is_too_wide,
    missing_values_in,
    texts_cut_off,
    wait_page_ready,
)
from tests.browser.sample_server import SampleServer, open_sample_server
from tests.server import Server

HTML_BYTES = 30_000
WATCH_SCRIPT_BYTES = 300_000
SCRIPT_BYTES = 60_000

WITH_PLAYER = {"watch", "watch portrait", "watch failed", "watch uploading", "watch in a playlist", "shared"}

FRAMED = {"explore", "watch", "login"}
"""Pages that are looked at in both themes at each width; they show the frame that the others have too."""

PARTS = 4
"""All pages at once would take minutes on a busy machine."""

Theme = Literal["light", "dark"]


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SampleServer]:
    with open_sample_server(tmp_path_factory.mktemp("gallery")) as opened:
        yield opened


@pytest.mark.parametrize("part", range(PARTS))
def test_pages_are_accessible_whole_light_and_strict(
    gallery: SampleServer, open_context: OpenContext, guard: BrowserMonitor, part: int
) -> None:
    guard.allow("status of 40[14]")
    member = open_context(gallery.server.url, gallery.owner, reduced_motion="reduce").new_page()
    guest = open_context(gallery.server.url, reduced_motion="reduce").new_page()
    faults: dict[str, list[str]] = {}
    for page, pages in ((member, gallery.member_pages()), (guest, gallery.guest_pages())):
        for name, path in [*pages.items()][part::PARTS]:
            loaded = load(page, path)
            seen = faults_in_all_themes(page, both_at_each_width=name in FRAMED)
            faults[name] = [*loaded.policy_faults(may_style=name in WITH_PLAYER), *seen]
            if not path.startswith("/api/docs"):  # where null is a type
                faults[name] += missing_values_in(page)
            if page is member:
                faults[name] += loaded.weight_faults(WATCH_SCRIPT_BYTES if name.startswith("watch") else SCRIPT_BYTES)
    assert not {name: found for name, found in faults.items() if found}


def test_longer_texts_from_right_to_left_fit_a_phone(
    gallery: SampleServer, open_context: OpenContext, guard: BrowserMonitor
) -> None:
    guard.allow("status of 40[14]")
    faults = {}
    for person, pages in ((gallery.owner, gallery.member_pages()), (None, gallery.guest_pages())):
        context = open_context(gallery.server.url, person, viewport={"width": 390, "height": 800})
        context.add_cookies([{"name": "streamtime_language", "value": "ar-XB", "url": gallery.server.url}])
        page = context.new_page()
        for name, path in pages.items():
            if path.startswith("/api/docs"):
                continue
            page.goto(path, wait_until="domcontentloaded")
            expect(page.locator("html")).to_have_attribute("dir", "rtl")
            faults[name] = [*texts_cut_off(page), *["scrolls sideways"] * is_too_wide(page)]
    assert not {name: found for name, found in faults.items() if found}


def test_scripts_and_the_player_speak_german(gallery: SampleServer, open_context: OpenContext) -> None:
    context = open_context(gallery.server.url, gallery.owner)
    context.add_cookies([{"name": "streamtime_language", "value": "de", "url": gallery.server.url}])
    page = context.new_page()
    page.goto(f"/watch/{gallery.ready}")
    wait_page_ready(page)
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.get_by_role("button", name="Abspielen").first).to_be_attached()
    page.keyboard.press("r")
    expect(page.locator("#player")).to_contain_text("Schleife ist an")


@dataclass(frozen=True)
class LoadedPage:
    """What a page took to load: its own bytes, and those of its scripts, compressed; and its policy."""

    html_bytes: int
    script_bytes: int
    policy: str

    def weight_faults(self, most_script_bytes: int) -> list[str]:
        heavy = self.html_bytes > HTML_BYTES or self.script_bytes > most_script_bytes
        return [f"{self.html_bytes} bytes of HTML, {self.script_bytes} of script"] if heavy else []

    def policy_faults(self, *, may_style: bool) -> list[str]:
        """Only pages with the player may have styles in attributes, and none may run a script that is not a file."""
        strict = "script-src 'self';" in self.policy and ("unsafe" in self.policy) == may_style
        return [] if strict else [f"its policy: {self.policy}"]


def load(page: Page, path: str) -> LoadedPage:
    """Open a page, which has to answer."""
    answers: list[Response] = []
    collect = partial(list.append, answers)
    page.on("response", collect)
    answer = page.goto(path)
    wait_page_ready(page)
    page.remove_listener("response", collect)
    assert answer
    kinds = [(answer.request.resource_type, answer) for answer in answers]
    return LoadedPage(
        sum(len(answer.body()) for kind, answer in kinds if kind == "document"),
        sum(compressed_bytes(answer) for kind, answer in kinds if kind == "script"),
        answer.headers["content-security-policy"],
    )


_compressed_bytes: dict[str, int] = {}
"""By URL, which names the content: most pages load the same scripts."""


def compressed_bytes(script: Response) -> int:
    if script.url not in _compressed_bytes:
        _compressed_bytes[script.url] = len(gzip.compress(script.body()))
    return _compressed_bytes[script.url]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_what_opens_is_accessible_too(gallery: SampleServer, open_context: OpenContext, theme: Theme) -> None:
    page = open_context(gallery.server.url, gallery.owner, color_scheme=theme).new_page()
    faults: dict[str, list[str]] = {}
    page.goto(f"/watch/{gallery.ready}")
    wait_page_ready(page)
    page.get_by_label("Account").click()
    faults["account menu"] = faults_of(page)
    page.get_by_label("Who can watch: Public").click()
    faults["visibility menu"] = faults_of(page)
    page.keyboard.press("Escape")
    actions.open_more(page)
    faults["more menu"] = faults_of(page)
    page.get_by_role("link", name="Delete", exact=True).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    faults["delete dialog"] = faults_of(page)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    faults["keyboard dialog"] = faults_of(page)
    page.keyboard.press("Escape")
    page.keyboard.press("w")
    expect(page.get_by_role("region", name="Transcript").get_by_role("listitem")).not_to_have_count(0)
    page.keyboard.press("s")
    expect(page.get_by_role("region", name="Playback statistics")).to_be_visible()
    faults["transcript and statistics"] = faults_of(page)
    page.locator("media-settings-menu-button").click()
    page.locator(".menu-more").click()
    expect(page.locator("[data-player-do=loop]")).to_be_visible()
    faults["menu of the player"] = faults_of(page)
    page.goto("/upload")
    page.locator("#files").set_input_files({"name": "empty.mp4", "mimeType": "video/mp4", "buffer": b""})
    expect(page.locator(".upload[data-phase=failed]")).to_be_visible()
    wait_page_ready(page)
    faults["refused upload"] = faults_of(page)
    assert not {name: found for name, found in faults.items() if found}


def test_open_menus_fit_a_phone(gallery: SampleServer, open_context: OpenContext) -> None:
    phone = {"width": 390, "height": 800}
    page = open_context(gallery.server.url, gallery.owner, viewport=phone).new_page()
    page.goto(f"/watch/{gallery.ready}")
    wait_page_ready(page)
    more = page.locator(".watch-more > summary")
    for opener in (page.get_by_label("Who can watch: Public"), more, page.get_by_label("Account")):
        opener.click()
        expect(opener.locator("xpath=../div")).to_be_in_viewport(ratio=1)
        assert not is_too_wide(page)


def test_setup_is_accessible_and_fits(server: Server, open_context: OpenContext) -> None:
    for theme in ("dark", "light"):
        page = open_context(server.url, color_scheme=theme, viewport={"width": 390, "height": 800}).new_page()
        page.goto("/setup")
        page.get_by_label("Setup code").fill("0000-0000-0000")
        page.get_by_label("User name").fill("ada")
        page.get_by_label("Password").fill("long enough, it is")
        assert faults_of(page) == []
        assert not is_too_wide(page)


def test_the_choice_of_theme_holds_over_pages(gallery: SampleServer, open_context: OpenContext) -> None:
    page = open_context(gallery.server.url, gallery.owner, color_scheme="dark").new_page()
    page.goto("/explore")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_label("Account").click()
    with actions.preferences_saved(page):
        page.get_by_role("button", name="Light").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.goto("/library")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")
    page.get_by_label("Account").click()
    with actions.preferences_saved(page):
        page.get_by_role("button", name="System").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_nothing_moves_when_posters_and_the_player_arrive(gallery: SampleServer, open_context: OpenContext) -> None:
    page = open_context(gallery.server.url, gallery.owner).new_page()
    page.add_init_script("""
      window.moved = 0;
      new PerformanceObserver((list) => {
        for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.moved += entry.value;
      }).observe({ type: "layout-shift", buffered: true });
    """)
    moved = {}
    for path in ("/explore", "/library", f"/watch/{gallery.ready}", f"/watch/{gallery.portrait}"):
        page.goto(path)
        wait_page_ready(page)
        moved[path] = page.evaluate("window.moved")
        assert page.evaluate("[...document.fonts].some((font) => font.family === 'Inter' && font.status === 'loaded')")
    assert {path: much for path, much in moved.items() if much > 0.001} == {}


CONTRASTS = """() => {
  const pixel = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const luminance = (colour) => {
    pixel.fillStyle = colour;
    pixel.fillRect(0, 0, 1, 1);
    const [r, g, b] = [...pixel.getImageData(0, 0, 1, 1).data].map((v) => v / 255);
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  };
  const found = {};
  for (const theme of ["dark", "light"]) {
    document.documentElement.dataset.theme = theme;
    for (let hue = 0; hue < 12; hue++) {
      const tag = Object.assign(document.createElement("a"), { className: `hued hue-${hue}` });
      document.body.append(tag);
      const { color, backgroundColor } = getComputedStyle(tag);
      const [low, high] = [luminance(color), luminance(backgroundColor)].sort((a, b) => a - b);
      found[`${theme} ${backgroundColor}`] = (high + 0.05) / (low + 0.05);
      tag.remove();
    }
  }
  return found;
}"""


def test_the_colours_of_people_and_tags_differ_and_have_contrast(
    gallery: SampleServer, open_context: OpenContext
) -> None:
    page = open_context(gallery.server.url).new_page()
    page.goto("/login")
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) == 24
    assert min(contrasts.values()) >= 4.5


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_a_card_becomes_the_player_unless_motion_is_unwanted(
    gallery: SampleServer, open_context: OpenContext, motion: Literal["reduce", "no-preference"]
) -> None:
    page = open_context(gallery.server.url, gallery.owner, reduced_motion=motion).new_page()
    page.add_init_script("""
      addEventListener("pagereveal", ({ viewTransition }) => {
        window.moves = viewTransition !== null;
      });
    """)
    page.goto("/explore")
    actions.card(page, gallery.ready).get_by_role("link", name="By the sea").click()
    wait_page_ready(page)
    assert page.evaluate("window.moves") == (motion == "no-preference")
    page.go_back()
    card = actions.card(page, gallery.ready)
    expect(card).to_be_visible()
    expect(page.locator("[data-morph]")).to_have_count(0)
    if motion == "reduce":
        page.get_by_label("Account").click()
        durations = page.evaluate("document.getAnimations().map((each) => each.effect.getComputedTiming().duration)")
        assert [each for each in durations if each > 1] == []


def test_the_api_is_documented_from_here_alone(gallery: SampleServer, open_context: OpenContext) -> None:
    page = open_context(gallery.server.url, gallery.owner).new_page()
    page.goto("/api/docs")
    wait_page_ready(page)
    page.get_by_role("link", name="Delete a video").click()
    operation = page.get_by_role("region", name="Delete a video")
    expect(operation).to_be_in_viewport()
    expect(operation.locator("dt", has_text="now")).to_be_visible()
