"""Uploads survive what happens to uploads: a reload, a lost connection, a killed server, a change of mind."""

import base64
import json
import os
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect

from tests.browser import actions
from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.browser.cuttable_proxy import CuttableProxy, cuttable_proxy
from tests.people import Person
from tests.server import Server

MakeClip = Callable[..., Path]

LENGTH_BYTES = 6_000_000
SLOW_BYTES_PER_S = 1_500_000
SLOWER_BYTES_PER_S = 1_000_000
"""Half of the file takes longer than the two seconds after which a server surely has noted what it got."""

_PICK_AT_ONCE = """([name, base64]) => {
  const data = new DataTransfer();
  const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  data.items.add(new File([bytes], name, { type: "video/mp4" }));
  const observer = new MutationObserver(() => {
    const picker = document.getElementById("files");
    if (!picker) return;
    observer.disconnect();
    picker.files = data.files;
  });
  observer.observe(document, { childList: true, subtree: true });
}"""
"""Puts a file into the picker as soon as that is there; the page's script runs when all of the page is."""


@pytest.fixture
def heavy(clip: MakeClip, tmp_path: Path) -> Path:
    """A short clip with megabytes of ballast behind it, as MP4 allows: long to send, quick to prepare."""
    light = clip("light.mp4", duration_s=2, width=320, height=180).read_bytes()
    ballast = LENGTH_BYTES - len(light)
    path = tmp_path / "heavy.mp4"
    # Another one each time: what somebody has already would wait for an answer.
    path.write_bytes(light + struct.pack(">I4s", ballast, b"free") + os.urandom(16) + bytes(ballast - 24))
    return path


def slow_down(page: Page, bytes_per_s: int = SLOW_BYTES_PER_S) -> None:
    """Limit how fast the page sends; -1 takes the limit away."""
    protocol = page.context.new_cdp_session(page)
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": bytes_per_s}
    protocol.send("Network.emulateNetworkConditions", limits)


def await_share(page: Page, name: str, share: float) -> None:
    """Wait until this share of a file is sent."""
    bar = actions.upload_row(page, name).locator("[data-progress]").element_handle()
    page.wait_for_function("([bar, share]) => bar.value >= share * bar.max", arg=[bar, share])


def test_what_is_picked_before_the_script_runs_is_sent(page: Page, ada: Person, clip: MakeClip) -> None:
    del ada
    path = clip("early.mp4", duration_s=2, width=320, height=180)
    page.add_init_script(f"({_PICK_AT_ONCE})({json.dumps([path.name, base64.b64encode(path.read_bytes()).decode()])})")
    page.goto("/upload")
    actions.wait_phase(actions.upload_row(page, path.name), "playable")


class Offsets:
    """From which byte on the page sent what it sent."""

    def __init__(self, page: Page) -> None:
        self.seen: list[int] = []
        page.on("request", self._on_request)

    def _on_request(self, request: Request) -> None:
        if request.method == "PATCH" and "/uploads/" in request.url:
            self.seen.append(int(request.headers["upload-offset"]))


def begin(page: Page, path: Path, *, share: float = 0.3, bytes_per_s: int = SLOW_BYTES_PER_S) -> str:
    """Pick a file and wait until so much of it is sent; the video that it will be."""
    page.goto("/upload")
    slow_down(page, bytes_per_s)
    actions.choose_files(page, path)
    await_share(page, path.name, share)
    return actions.video_of(actions.upload_row(page, path.name))


def test_picked_again_after_a_reload_it_goes_on(page: Page, ada: Person, heavy: Path) -> None:
    page.on("dialog", lambda dialog: dialog.accept())
    video = begin(page, heavy)
    actions.upload_row(page, heavy.name).locator("[data-title]").fill("Named before the reload")
    with page.expect_response(lambda answer: answer.request.method == "PATCH" and "/videos/" in answer.url):
        actions.upload_row(page, heavy.name).locator("[data-title]").press("Enter")

    page.reload()
    expect(page.locator("#upload-interrupted")).to_contain_text(heavy.name)
    slow_down(page, -1)
    offsets = Offsets(page)
    actions.choose_files(page, heavy)
    row = actions.upload_row(page, heavy.name)
    actions.wait_phase(row, "playable")

    assert actions.video_of(row) == video
    assert offsets.seen[0] > LENGTH_BYTES * 0.2
    assert ada.look(video)["title"] == "Named before the reload"
    expect(row.locator("[data-title]")).to_have_value("Named before the reload")


@pytest.fixture
def cable(shared_server: Server) -> Iterator[CuttableProxy]:
    with cuttable_proxy(shared_server.url) as led:
        yield led


def test_a_lost_connection_is_found_again(
    cable: CuttableProxy,
    open_context: OpenContext,
    shared_server: Server,
    ada: Person,
    heavy: Path,
    guard: BrowserMonitor,
) -> None:
    guard.allow("net::ERR_")
    page = open_context(cable.url, ada).new_page()
    video = begin(page, heavy)
    offsets = Offsets(page)
    row = actions.upload_row(page, heavy.name)

    cable.disconnect()
    expect(row.locator("[data-status]")).to_have_text("Connection lost. Trying again")
    cable.connect(shared_server.url)

    actions.wait_phase(row, "playable")
    assert actions.video_of(row) == video
    assert offsets.seen[-1] > LENGTH_BYTES * 0.2


def test_a_killed_server_that_comes_back_gets_the_rest(
    server: Server, open_context: OpenContext, heavy: Path, guard: BrowserMonitor
) -> None:
    guard.allow("net::ERR_")
    person = server.person("ada")
    with cuttable_proxy(server.url) as cable:
        page = open_context(cable.url, person).new_page()
        video = begin(page, heavy, share=0.5, bytes_per_s=SLOWER_BYTES_PER_S)
        offsets = Offsets(page)
        row = actions.upload_row(page, heavy.name)

        server.kill()
        expect(row.locator("[data-status]")).to_have_text("Connection lost. Trying again")
        slow_down(page, -1)
        server.start()
        cable.connect(server.url)

        actions.wait_phase(row, "playable")
        assert actions.video_of(row) == video
        assert offsets.seen[-1] > LENGTH_BYTES * 0.2
        actions.wait_state(person, video, "ready")


def test_paused_waits_and_resumed_goes_on(page: Page, heavy: Path) -> None:
    video = begin(page, heavy)
    row = actions.upload_row(page, heavy.name)
    row.get_by_role("button", name="Pause").click()
    actions.wait_phase(row, "paused")
    expect(row.locator("[data-status]")).to_have_text("Paused")
    expect(row.get_by_role("button", name="Pause")).to_be_hidden()

    offsets = Offsets(page)
    slow_down(page, -1)
    row.get_by_role("button", name="Resume").click()
    actions.wait_phase(row, "playable")
    assert offsets.seen[0] > LENGTH_BYTES * 0.2
    assert actions.video_of(row) == video


def test_cancelled_leaves_nothing(page: Page, ada: Person, heavy: Path) -> None:
    video = begin(page, heavy, bytes_per_s=SLOWER_BYTES_PER_S)
    row = actions.upload_row(page, heavy.name)
    row.get_by_role("button", name="Pause").click()
    library = page.context.new_page()
    library.goto("/library")
    expect(actions.card(library, video)).to_have_attribute("data-state", "uploading")
    page.bring_to_front()
    question = page.get_by_role("dialog", name="Cancel the upload of “")
    row.get_by_role("button", name="Cancel").click()
    question.get_by_role("button", name="Keep it").click()
    expect(question).to_have_count(0)
    expect(row).to_be_visible()
    row.get_by_role("button", name="Cancel").click()
    question.get_by_role("button", name="Cancel the upload").click()
    expect(row).to_have_count(0)
    library.bring_to_front()
    expect(actions.card(library, video)).to_have_count(0)
    assert ada.api.get(f"/api/v1/videos/{video}").status_code == 404


def test_what_is_no_video_fails_in_plain_words_and_is_not_to_be_tried_again_first(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "letter.mp4"
    path.write_text("Dear aunt, thank you for the socks. " * 50)
    page.goto("/upload")
    actions.choose_files(page, path)
    row = actions.upload_row(page, path.name)
    actions.wait_phase(row, "failed")
    expect(row.locator("[data-status]")).to_contain_text("video")
    video = actions.video_of(row)

    row.get_by_role("link", name="Details").click()
    page.wait_for_url(f"**/watch/{video}")
    failure = page.locator("[data-veil=failed]")
    expect(failure.locator("[data-failure]")).to_contain_text("video")
    expect(failure.get_by_role("link", name="Upload another file")).to_be_visible()
    expect(failure.get_by_role("button", name="Try again", exact=True)).to_be_hidden()
    failure.get_by_role("button", name="Try again anyway").click()
    again = failure.get_by_role("button", name="Try again anyway")
    expect(again).to_be_visible(timeout=actions.SETTLED_WITHIN_MS)
    expect(failure.get_by_role("button", name="Try again", exact=True)).to_be_hidden()

    page.goto("/library")
    card = actions.card(page, video)
    expect(card).to_have_attribute("data-state", "failed")
    expect(card.get_by_role("button", name="Try again")).to_be_hidden()
    expect(card.get_by_role("link", name="Upload another")).to_be_visible()
    card.get_by_label("Actions for").click()
    expect(card.get_by_role("button", name="Try again anyway")).to_be_visible()
    page.keyboard.press("Escape")
    card.get_by_role("link", name="Delete").first.click()
    expect(page.get_by_role("dialog", name="Delete this video?")).to_contain_text("letter")


def test_what_a_video_costs_is_a_size_also_where_its_first_quality_is_encoded_alone(
    page: Page, clip: Callable[..., Path]
) -> None:
    path = clip("old.mp4", duration_s=3, width=640, height=360, video="mpeg4")
    page.add_init_script("""
      window.costs = new Set();
      new MutationObserver(() => {
        for (const part of document.querySelectorAll("[data-cost], [data-numbers]")) costs.add(part.textContent);
      }).observe(document, { subtree: true, childList: true, characterData: true });
    """)
    page.goto("/upload")
    actions.choose_files(page, path)
    row = actions.upload_row(page, path.name)
    actions.wait_phase(row, "playable")
    expect(row.locator("[data-cost]")).to_have_text(re.compile(r"^· about [\d.]+ [KM]B on the server"))
    told = page.evaluate("[...window.costs]")
    assert not [text for text in told if re.search("NaN|undefined|null|\N{EN DASH}", text)]


def test_too_large_is_said_before_anything_is_sent(
    start_server: Callable[..., Server], open_context: OpenContext, heavy: Path
) -> None:
    server = start_server(STREAMTIME_UPLOADS__MAX_SIZE="5MB")
    page = open_context(server.url, server.person("ada")).new_page()
    page.goto("/upload")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    actions.choose_files(page, heavy)
    row = actions.upload_row(page, heavy.name)
    actions.wait_phase(row, "failed")
    expect(row.locator("[data-status]")).to_have_text("Too big: 6.0 MB. The limit is 5.0 MB.")
    expect(row.get_by_role("button", name="Try again")).to_be_hidden()
    assert sent == []
