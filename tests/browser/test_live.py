"""Pages that stay open: many tabs share one stream, which survives a restart of the server; changes of others."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.people import Person
from tests.server import Server, StartServer, wait_until

TABS = 12
"""Twice as many as the connections that a browser has for a server."""

PATHS = ("/explore", "/library", "/notices", "/history", "/playlists", "/settings")


def fail_a_video(person: Person, title: str) -> None:
    """Cause a notice."""
    person.send(title.encode(), filename="x.mp4", title=title)


def streams(server: Server) -> float:
    told = server.visitor().api.get("/metrics").text
    (line,) = [line for line in told.splitlines() if line.startswith("streamtime_event_listeners ")]
    return float(line.split()[1])


def test_twelve_tabs_share_a_stream_that_survives_a_restart(
    start_server: StartServer, open_context: OpenContext, guard: BrowserMonitor
) -> None:
    guard.allow("net::ERR_|status of 5")  # while the server is away
    server = start_server()
    ann = server.person("ann")
    context = open_context(server.url, ann)
    tabs = [context.new_page() for _ in range(TABS)]
    for number, tab in enumerate(tabs):
        tab.goto(PATHS[number % len(PATHS)])
    fail_a_video(ann, "One")
    for tab in tabs:
        expect(tab.get_by_label("Notices, 1 unread")).to_be_visible()
    wait_until(lambda: streams(server) == 1, "one stream for all")
    server.set_flags("--port", str(urlsplit(server.url).port))
    server.kill()
    server.start()
    fail_a_video(ann, "Two")
    for tab in tabs:
        expect(tab.get_by_label("Notices, 2 unread")).to_be_visible()
    tabs[0].locator("[data-bell] > summary").click()
    tabs[0].get_by_role("link", name="“Two” could not be prepared").click()
    for tab in tabs[1:]:
        expect(tab.get_by_label("Notices, 1 unread")).to_be_visible()
    expect(tabs[2].get_by_role("link", name="“Two” could not be prepared")).to_be_visible()


@pytest.fixture
def films(ada: Person, small_clip: Path) -> list[str]:
    """Two public videos of ada and a private one, of the same bytes but for their end."""
    data, wanted = small_clip.read_bytes(), ("public", "public", "private")
    found = [
        ada.send(data + bytes([9, number]), filename="f.mp4", title=f"Live {number}", visibility=visibility)
        for number, visibility in enumerate(wanted)
    ]
    for film in found:
        wait_until(lambda film=film: ada.look(film)["state"] == "ready", "ready")  # type: ignore[misc]
    return found


def test_two_people_see_each_others_changes(
    shared_server: Server, ada: Person, films: list[str], open_context: OpenContext, guard: BrowserMonitor
) -> None:
    guard.allow("status of 404")
    ben = shared_server.person("ben")
    first, second, third = films
    new = {"title": "Evening", "visibility": "public"}
    made = ada.api.post("/api/v1/playlists", json=new).raise_for_status().json()
    items = f"/api/v1/playlists/{made['id']}/items"
    for film in (first, second):
        ada.api.post(items, json={"video": film}).raise_for_status()
    context = open_context(shared_server.url, ben)
    explore, watch, playlist = context.new_page(), context.new_page(), context.new_page()
    explore.goto("/explore")
    watch.goto(f"/watch/{first}")
    playlist.goto(f"/playlists/{made['id']}")
    for page in (explore, watch, playlist):
        follows(page)
    ada.change(first, title="Changed by ada")
    expect(explore.locator(f"[data-video='{first}'] .card-link").first).to_have_text("Changed by ada")
    expect(watch.get_by_role("heading", level=1)).to_have_text("Changed by ada")
    ada.change(third, visibility="public")
    expect(explore.get_by_role("link", name="1 new video")).to_be_visible()
    ada.api.put(items, json={"videos": [second, first]}).raise_for_status()
    expect(playlist.locator("[data-item]").first).to_have_attribute("data-item", second)
    ada.api.patch(f"/api/v1/playlists/{made['id']}", json={"title": "Night"}).raise_for_status()
    expect(playlist.get_by_role("heading", level=1)).to_have_text("Night")
    ada.api.patch(f"/api/v1/playlists/{made['id']}", json={"visibility": "private"}).raise_for_status()
    expect(playlist.get_by_role("alert")).to_contain_text("not shared with you any more")
    ada.change(first, visibility="private")
    expect(watch.get_by_text("The video is no longer here, or no longer shared with you.")).to_be_visible()
    expect(explore.locator(f"[data-video='{first}']")).to_have_count(0)
    ada.api.delete(f"/api/v1/videos/{third}").raise_for_status()
    expect(explore.get_by_role("link", name="1 new video")).to_have_count(0)


def follows(page: Page) -> None:
    """Wait until the page has its stream."""
    page.wait_for_function("() => globalThis.streamtimeTab?.isOpen")


def test_a_browser_notifies_once_for_all_tabs_while_they_are_hidden(
    shared_server: Server, open_context: OpenContext
) -> None:
    """Chromium without a window hides no tab and shows no notification, so the test stands in for both."""
    eve = shared_server.person("eve")
    context = open_context(shared_server.url, eve)
    context.grant_permissions(["notifications"])
    context.add_init_script(
        """
        window.shown = [];
        window.Notification = class { static permission = "default"; static async requestPermission() {
          return (window.Notification.permission = "granted"); }
          constructor(title, options) { window.shown.push([options.body, options.data.page]); } };
        if (location.protocol === "http:" && localStorage.getItem("hide")) {
          window.Notification.permission = "granted";
          Object.defineProperty(document, "hidden", { get: () => true });
        }
        """
    )
    settings = context.new_page()
    settings.goto("/settings/notices")
    switch = settings.get_by_role("switch", name="Notifications of this browser")
    expect(switch).not_to_be_checked()
    switch.check()
    expect(switch).to_be_checked()
    settings.evaluate("localStorage.setItem('hide', 'yes')")
    tabs = [settings, context.new_page(), context.new_page()]
    for tab in tabs:
        tab.goto("/history")
        follows(tab)
        expect(tab.get_by_label("Notices", exact=True)).to_be_visible()
    fail_a_video(eve, "Told")
    for tab in tabs:
        expect(tab.get_by_label("Notices, 1 unread")).to_be_visible()

    def shown() -> list[str]:
        return [text for tab in tabs for text, _ in tab.evaluate("window.shown")]

    wait_until(shown, "a notification")
    assert shown() == ["“Told” could not be prepared"]
