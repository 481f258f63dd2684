"""The player in a frame on somebody else's page, in a real browser: where it may be, and where not."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from playwright.sync_api import expect

from tests.browser import actions
from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.server import running_server

MakeClip = Callable[..., Path]


@contextmanager
def blog(pages: dict[str, str]) -> Iterator[str]:
    """Another site, with these pages; its origin."""

    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path, "").encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    site = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=site.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{site.server_port}"
    finally:
        site.shutdown()
        thread.join()
        site.server_close()


def test_it_plays_on_the_sites_of_the_setting_alone(
    open_context: OpenContext, guard: BrowserMonitor, clip: MakeClip
) -> None:
    guard.allow("frame-ancestors|favicon|ERR_BLOCKED_BY_RESPONSE")
    pages: dict[str, str] = {}
    with (
        blog(pages) as friend,
        blog(pages) as other,
        running_server(STREAMTIME_SERVER__FRAME_ANCESTORS=friend) as admin_server,
    ):
        owner = admin_server.person("ada", admin=True)
        film = clip("framed.mp4", duration_s=2, width=320, height=180)
        video = actions.upload_and_wait(owner, film, title="Framed", visibility="unlisted")
        owner.change(video, embeddable=True)
        told = owner.api.get("/oembed", params={"url": f"{admin_server.url}/watch/{video}"}).raise_for_status().json()
        pages["/"] = f"<!DOCTYPE html><title>Blog</title>{told['html']}"
        guard.allowed_origins |= {friend, other}
        page = open_context(admin_server.url).new_page()

        page.goto(f"{friend}/")
        frame = page.frame_locator("iframe")
        frame.locator("[data-player-start]").click()
        expect(frame.locator("#player")).to_have_attribute("data-started", "")

        page.goto(f"{other}/")
        expect(page.locator("iframe")).to_be_visible()
        expect(page.frame_locator("iframe").locator("#player")).to_have_count(0)
