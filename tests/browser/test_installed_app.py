"""Streamtime as an installed app: over https a service worker shows a page of its own when the server is away."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.conftest import ARGUMENTS, TIMEOUT_MS
from tests.proxies import server_behind
from tests.server import Server


def test_the_app_says_when_the_server_cannot_be_reached(browser: Browser, chromium: str, tmp_path: Path) -> None:
    # Chromium accepts no service worker whose certificate it does not know, unless it ignores all certificates.
    arguments = [*ARGUMENTS, "--ignore-certificate-errors"]
    with server_behind("caddy", tmp_path, metrics_token="") as proxy:
        own = browser.browser_type.launch(executable_path=chromium, args=arguments)
        page = own.new_page(base_url=proxy.url)
        page.set_default_timeout(TIMEOUT_MS)
        page.goto("/explore")
        page.wait_for_function("async () => (await navigator.serviceWorker.ready).active.state === 'activated'")
        page.context.set_offline(offline=True)
        page.goto("/library")
        expect(page.get_by_role("heading", name="The server cannot be reached")).to_be_visible()
        assert page.evaluate("getComputedStyle(document.querySelector('.button')).borderRadius") != "0px", "with styles"
        assert page.evaluate("async () => (await caches.open('offline-1').then((c) => c.keys())).length") <= 8
        page.context.set_offline(offline=False)
        page.get_by_role("link", name="Try again").click()
        page.wait_for_url("**/login?next=**")
        own.close()


def test_browsers_can_install_it(shared_server: Server) -> None:
    client = shared_server.client()
    found = client.get("/manifest.webmanifest")
    assert found.headers["Content-Type"] == "application/manifest+json"
    body = found.json()
    assert (body["start_url"], body["display"]) == ("/explore", "standalone")
    assert {icon["purpose"] for icon in body["icons"]} == {"any", "maskable"}
    for icon in body["icons"]:
        picture = client.get(icon["src"])
        assert picture.headers["Content-Type"] == "image/png"
        width = int.from_bytes(picture.content[16:20])
        assert icon["sizes"] == f"{width}x{width}"
    assert all(client.get(each["url"]).status_code < 400 for each in body["shortcuts"])
    assert 'rel="manifest"' in client.get("/explore").text
