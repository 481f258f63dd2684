"""The main job over https, behind the example proxies, in a browser: HTTP/2, cookies of one host, event streams."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser import actions
from tests.browser.conftest import OpenContext
from tests.people import PASSWORD
from tests.proxies import PROXIES, Proxy, server_behind

MakeClip = Callable[..., Path]


@pytest.fixture(scope="module", params=sorted(PROXIES))
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    with server_behind(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


def test_somebody_signs_in_uploads_and_watches(proxy: Proxy, open_context: OpenContext, clip: MakeClip) -> None:
    path = clip("by_the_sea.mp4", duration_s=3)
    # Chromium refuses a service worker whose certificate it does not know.
    context = open_context(proxy.url, ignore_https_errors=True, service_workers="block")
    page = context.new_page()
    page.goto("/library")
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/library")
    (cookie,) = context.cookies()
    assert cookie["name"] == "__Host-streamtime_session"
    assert cookie["secure"]

    library = context.new_page()
    library.goto("/library")
    page.get_by_role("link", name="Upload").first.click()
    actions.choose_files(page, path)
    upload = actions.upload_row(page, path.name)
    actions.wait_phase(upload, "playable")
    library.bring_to_front()
    card = actions.card(library, actions.video_of(upload))
    expect(card).to_have_attribute("data-state", "ready", timeout=actions.SETTLED_WITHIN_MS)  # told by the event stream

    card.get_by_role("link", name="by the sea").click()
    library.wait_for_url("**/watch/*")
    actions.play(library)
    assert actions.brightness(library) > 40
    protocols = library.evaluate(
        "performance.getEntriesByType('resource').filter((entry) => entry.name.includes('/media/'))"
        ".map((entry) => entry.nextHopProtocol)"
    )
    assert set(protocols) == {"h2"}
