"""Streamtime as an installed app: over https a service worker shows a page of its own when the server is away."""

from pathlib import Path

from playwright.sync_api import Browser, expect

from tests.browser.conftest import ARGUMENTS, TIMEOUT_MS
from tests.people import PASSWORD
from tests.proxies import server_behind
from tests.server import Server

SHARE = """() => {
  const form = Object.assign(document.createElement("form"), {
    method: "POST", action: "/upload/share", enctype: "multipart/form-data" });
  const files = Object.assign(document.createElement("input"), { type: "file", name: "files" });
  const data = new DataTransfer();
  data.items.add(new File(["no film"], "Räuber & Co.mp4", { type: "video/mp4" }));
  files.files = data.files;
  form.append(files);
  document.body.append(form);
  form.submit();
}"""


def test_the_app_is_offline_and_takes_shared_files(browser: Browser, chromium: str, tmp_path: Path) -> None:
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
        # What the share sheet of a phone sends is a form of a page that nobody sees.
        page.goto("/explore")
        page.evaluate(SHARE)
        page.wait_for_url("**/login?next=**")
        page.get_by_label("Name").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url("**/upload")
        expect(page.locator("#uploads [data-title]")).to_have_value("Räuber & Co")
        assert page.evaluate("async () => (await caches.open('shared-1').then((c) => c.keys())).length") == 0
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
    target = body["share_target"]
    assert (target["method"], target["enctype"]) == ("POST", "multipart/form-data")
    files = {target["params"]["files"][0]["name"]: ("a.mp4", b"no film" * 100_000, "video/mp4")}
    answer = client.post(target["action"], files=files)
    assert answer.status_code == 200
    assert "The files did not arrive" in answer.text
    assert 'rel="manifest"' in client.get("/explore").text
