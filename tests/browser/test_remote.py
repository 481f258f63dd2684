"""The player and a bucket: told in words while it is away, going on by itself, and fetching from it directly."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.fault_proxy import FaultProxy
from tests.s3 import Bucket
from tests.server import Server, StartServer
from tests.system.remote import ready_video_in

PLAYS = "#player[data-started]"


@pytest.fixture
def proxy(s3_endpoint: str) -> Iterator[FaultProxy]:
    with FaultProxy(s3_endpoint) as made:
        yield made


def public_video(server: Server, clip: Callable[..., Path]) -> str:
    """A public video in a bucket."""
    ann = server.person("ann")
    video = ready_video_in(ann, clip(duration_s=8, width=320, height=180).read_bytes(), server, "s3")
    ann.change(video, visibility="public")
    return video


def watch(page: Page, video: str) -> None:
    page.goto(f"/watch/{video}")
    page.locator("[data-player-start]").click()


def test_while_the_bucket_is_away_the_player_says_so_and_goes_on(
    start_server: StartServer, bucket: Bucket, proxy: FaultProxy, clip: Callable[..., Path],
    open_context: OpenContext, guard: BrowserMonitor,
) -> None:  # fmt: skip
    guard.allow("503")
    server = start_server(**bucket.through(proxy.endpoint).environ)
    video, page = public_video(server, clip), open_context(server.url).new_page()
    proxy.stop()
    watch(page, video)
    told = page.locator("[data-player-hold]")
    expect(told).to_have_text("The storage of this video does not respond. Trying again …")
    expect(told).to_be_visible()
    proxy.start()
    expect(page.locator(PLAYS)).to_be_visible()
    expect(told).to_be_hidden()


def test_public_videos_play_from_the_bucket_itself(
    start_server: StartServer,
    bucket: Bucket,
    clip: Callable[..., Path],
    open_context: OpenContext,
    guard: BrowserMonitor,
) -> None:
    guard.allowed_origins.add(bucket.endpoint)
    server = start_server(
        **bucket.environ,
        STREAMTIME_STORAGE__S3__PUBLIC_ENDPOINT=bucket.endpoint,
        STREAMTIME_STORAGE__S3__REDIRECT_PUBLIC="true",
    )
    video, page = public_video(server, clip), open_context(server.url).new_page()
    asked: list[str] = []
    page.on("response", lambda answer: asked.append(answer.url) if answer.status == 206 else None)
    watch(page, video)
    expect(page.locator(PLAYS)).to_be_visible()
    assert any(url.startswith(bucket.endpoint) for url in asked)
    assert not any(url.endswith(".m4s") for url in asked)
