"""Many files at once: a dropped folder of hundreds, all of them paused, and files dropped on any page."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser import actions
from tests.browser.conftest import OpenContext
from tests.browser.page_checks import faults_in_all_themes
from tests.people import Person
from tests.server import Server

FILES = 500
AT_ONCE = 3
BYTES_PER_S = 4_000

_WATCH = """() => {
  window.most = 0;
  const look = () => {
    window.most = Math.max(window.most, document.querySelectorAll(".upload[data-phase=uploading]").length);
  };
  const what = { subtree: true, childList: true, attributeFilter: ["data-phase"] };
  new MutationObserver(look).observe(document.body, what);
}"""


@pytest.fixture(scope="session")
def bea(shared_server: Server) -> Person:
    """Somebody with many files."""
    return shared_server.person("bea")


@pytest.fixture
def page(open_context: OpenContext, shared_server: Server, bea: Person) -> Page:
    return open_context(shared_server.url, bea).new_page()


def drop_folder(page: Page, folder: Path) -> None:
    """Drag a folder from the desktop onto the page."""
    protocol = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        protocol.send("Input.dispatchDragEvent", {"type": kind, "x": 400, "y": 300, "data": data})


def test_a_folder_of_hundreds_waits_its_turn_and_is_paused_as_a_whole(page: Page, bea: Person, tmp_path: Path) -> None:
    folder = tmp_path / "camera"
    for number in range(FILES):
        inside = folder / f"day {number // 100}"
        inside.mkdir(parents=True, exist_ok=True)
        (inside / f"clip {number:03}.mp4").write_bytes(b"%06d" % number * 4_000)
    for name in ("notes.txt", "index.html", ".hidden"):
        (folder / name).write_text("No video.")
    page.goto("/upload")
    limits = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": BYTES_PER_S}
    page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", limits)
    page.evaluate(_WATCH)
    drop_folder(page, folder)

    rows = page.locator(".upload")
    expect(rows).to_have_count(FILES)
    expect(page.locator("#upload-left-out")).to_have_text(re.compile("Left out.*: index.html, notes.txt$"))
    summary = page.get_by_role("region", name="All uploads")
    expect(summary).to_contain_text(f"0 of {FILES} uploaded")
    expect(page.locator(".upload[data-phase=uploading]")).to_have_count(AT_ONCE)
    names = page.locator(".upload [data-file]").evaluate_all("(all) => all.map((one) => one.textContent.slice(0, 12))")
    assert names == [f"clip {number:03}.mp4" for number in range(FILES)]
    assert page.evaluate("window.most") == AT_ONCE
    assert bea.api.get("/api/v1/videos/bulk").json()["count"] <= AT_ONCE, "the others are not begun"

    summary.get_by_role("button", name="Pause all").click()
    expect(page.locator(".upload[data-phase=uploading]")).to_have_count(0)
    expect(page.locator(".upload[data-phase=paused]")).to_have_count(AT_ONCE)
    first = rows.first
    first.get_by_role("button", name="Cancel").click()
    question = page.get_by_role("dialog")
    if question.count():  # bytes of it have arrived
        question.get_by_role("button", name="Cancel the upload").click()
    expect(rows).to_have_count(FILES - 1)
    expect(page.locator(".upload[data-phase=uploading]")).to_have_count(0)
    summary.get_by_role("button", name="Resume all").click()
    expect(page.locator(".upload[data-phase=uploading]")).to_have_count(AT_ONCE)
    assert page.evaluate("window.most") == AT_ONCE
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    expect(page.locator("#upload-interrupted")).to_contain_text("clip 001.mp4")
    page.get_by_role("button", name="Forget them").click()
    expect(page.locator("#upload-interrupted")).to_be_hidden()


def test_what_is_dropped_on_any_page_is_sent_once(page: Page, bea: Person, clip: Callable[..., Path]) -> None:
    path = clip("dropped.mp4", duration_s=2, width=320, height=180)
    page.goto("/explore")
    actions.drag_and_drop(page, path)
    sheet = page.get_by_role("complementary", name="Upload")
    row = actions.upload_row(page, path.name)
    expect(sheet.locator(".upload")).to_have_count(1)
    assert [*faults_in_all_themes(page)] == []
    actions.wait_phase(row, "playable")
    assert page.url.endswith("/explore")
    assert bea.look(actions.video_of(row))["title"] == "dropped"
    sheet.locator("summary", has_text="Upload").click()
    expect(row).to_be_hidden()

    path = clip("chosen.mp4", duration_s=2, width=320, height=180)
    page.goto("/upload")
    actions.choose_files(page, path)
    row = actions.upload_row(page, path.name)
    actions.wait_phase(row, "playable")
    video = actions.video_of(row)
    page.reload()
    actions.choose_files(page, path)
    expect(row.locator("[data-status]")).to_have_text("You have sent this already.")
    assert actions.video_of(row) == video


def test_what_does_not_look_like_a_video_is_asked_about_first(page: Page, tmp_path: Path) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear aunt.")
    page.goto("/upload")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    actions.choose_files(page, path)
    row = actions.upload_row(page, path.name)
    expect(row.locator("[data-status]")).to_contain_text("does not look like a video")
    assert sent == []
    row.get_by_role("button", name="Try again").click()
    actions.wait_phase(row, "failed")
    expect(row.get_by_role("link", name="Details")).to_be_visible()
