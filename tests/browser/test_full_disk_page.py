"""The upload page when the server's disk is full: it says so, and goes on by itself when there is room."""

import os
import resource
from pathlib import Path

from playwright.sync_api import expect

from tests.browser import actions
from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.server import Server

LENGTH_BYTES = 12_000_000
FITS_BYTES = 8_000_000
WITHOUT_LIMIT = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
PATIENCE_MS = 180_000


def test_the_row_says_that_the_disk_is_full(
    server: Server, open_context: OpenContext, guard: BrowserMonitor, tmp_path: Path
) -> None:
    guard.allow(r"507 .*/api/v1/uploads")
    path = tmp_path / "large.mp4"
    path.write_bytes(os.urandom(LENGTH_BYTES))
    page = open_context(server.url, server.person("ada")).new_page()
    page.goto("/upload")
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (FITS_BYTES, resource.RLIM_INFINITY))
    try:
        actions.choose_files(page, path)
        status = actions.upload_row(page, "large").locator("[data-status]")
        expect(status).to_contain_text("The disk of the video store is full. 8.0 MB of this file are kept")
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, WITHOUT_LIMIT)
    # It is no film, so all that can come of it is an answer about that: every byte has arrived.
    actions.wait_phase(actions.upload_row(page, "large"), "failed", "done", within_ms=PATIENCE_MS)
    expect(page.get_by_text("This is not a video file")).to_be_visible(timeout=PATIENCE_MS)
