"""A page that is refused an event stream still follows its video: it asks, and listens as soon as it may."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

from tests.browser import actions
from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.people import TUS
from tests.server import StartServer, wait_until

PATIENCE_MS = 180_000
REFUSED = re.compile(r'"path": "/live", "status": 429')
"""Of a shared worker, whose requests a page does not see."""


def test_a_page_without_a_stream_begins_by_itself(
    start_server: StartServer, open_context: OpenContext, clip: Callable[..., Path], guard: BrowserMonitor
) -> None:
    server = start_server(STREAMTIME_EVENTS__STREAMS="1")
    guard.allow(r"429 .*/live")
    ada = server.person("ada")
    content = clip("refused.mp4", duration_s=4, width=320, height=180).read_bytes()
    at = ada.begin(len(content), filename="refused.mp4")
    ada.append(at, 0, content[:1000])
    video = ada.api.head(at, headers=TUS).headers["Streamtime-Video"]
    page = open_context(server.url, ada).new_page()
    with ada.api.stream("GET", "/api/v1/events") as taken:
        assert taken.status_code == 200
        page.goto(f"/watch/{video}")
        wait_until(lambda: REFUSED.search(server.log_output), "the stream of the pages is refused")
        expect(actions.player(page)).to_have_attribute("data-phase", "preparing")
        assert ada.append(at, 1000, content[1000:]).status_code == 204
        expect(actions.player(page)).to_have_attribute("data-phase", "ready", timeout=PATIENCE_MS)
