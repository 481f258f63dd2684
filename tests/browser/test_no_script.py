"""Everything but playing and uploading works, if plainly, in a browser without script."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser import actions
from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.people import PASSWORD, Person
from tests.server import Server

MakeClip = Callable[..., Path]


@pytest.fixture
def plain(open_context: OpenContext, shared_server: Server) -> Page:
    """A tab that runs no script."""
    return open_context(shared_server.url, java_script_enabled=False).new_page()


def sign_in(page: Page, person: Person) -> None:
    page.goto("/library")
    page.get_by_label("User name").fill(person.name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Library", exact=True)).to_be_visible()


def test_an_owner_gets_by_without_script(
    plain: Page, guest: Page, ada: Person, clip: MakeClip, guard: BrowserMonitor
) -> None:
    video = actions.upload_and_wait(ada, clip("plain.mp4", duration_s=2, width=320, height=180), title="Plain one")
    sign_in(plain, ada)
    actions.card(plain, video).get_by_role("link", name="Plain one").click()
    expect(plain.get_by_text("The player needs JavaScript.")).to_be_visible()

    actions.open_more(plain)
    plain.get_by_role("link", name="Edit").click()
    plain.get_by_label("Title").fill("Plainer still")
    plain.get_by_role("button", name="Save", exact=True).click()
    expect(plain.get_by_role("heading", level=1)).to_have_text("Plainer still")

    plain.get_by_label("Who can watch: Private").click()
    plain.get_by_role("button", name="Public").click()
    expect(plain.get_by_label("Who can watch: Public")).to_be_visible()
    guest.goto("/explore")
    expect(actions.card(guest, video)).to_contain_text("Plainer still")

    actions.open_more(plain)
    plain.get_by_role("link", name="Delete", exact=True).click()
    plain.get_by_role("button", name="Delete", exact=True).click()
    expect(actions.card(plain, video)).to_have_count(0)
    guard.allow("status of 404")
    answer = plain.goto(f"/watch/{video}")
    assert answer
    assert answer.status == 404

    plain.goto("/library")
    plain.get_by_label("Account").click()
    plain.get_by_role("button", name="Sign out").click()
    expect(plain.get_by_role("link", name="Sign in").first).to_be_visible()


def test_theme_and_density_are_chosen_by_a_form(plain: Page, shared_server: Server) -> None:
    sign_in(plain, shared_server.person("plain-taste"))
    plain.emulate_media(color_scheme="dark")
    background = "getComputedStyle(document.documentElement).colorScheme"
    assert plain.evaluate(background) == "dark"
    plain.get_by_label("Account").click()
    plain.get_by_role("link", name="Settings").click()
    plain.get_by_role("link", name="Appearance and playback").click()
    plain.get_by_role("radio", name="Light").check()
    plain.get_by_role("radio", name="Compact").check()
    plain.get_by_role("button", name="Save").click()
    expect(plain.get_by_role("status").first).to_contain_text("Saved")
    assert plain.evaluate(background) == "light"
    expect(plain.locator("html")).to_have_attribute("data-density", "compact")


def test_deleting_for_good_is_asked_on_a_page_of_its_own(
    plain: Page, ada: Person, clip: MakeClip, guard: BrowserMonitor
) -> None:
    video = actions.upload_and_wait(ada, clip("gone.mp4", duration_s=2, width=320, height=180), title="Gone soon")
    sign_in(plain, ada)
    plain.goto(f"/watch/{video}/delete")
    plain.get_by_role("link", name="Delete permanently").click()
    expect(plain.get_by_role("heading", name="Delete “Gone soon” permanently?")).to_be_visible()
    assert ada.look(video)["state"] == "ready"
    plain.get_by_role("button", name="Delete permanently").click()
    guard.allow("status of 404")
    assert ada.api.get(f"/api/v1/videos/{video}").status_code == 404
    assert ada.api.post(f"/api/v1/videos/{video}/restore").status_code == 404


def test_lists_are_sorted_and_searched_by_links_and_forms(plain: Page, ada: Person, clip: MakeClip) -> None:
    path = clip("plain.mp4", duration_s=2, width=320, height=180)
    videos = [
        actions.upload_and_wait(ada, path, title=f"Listed {number:02}", visibility="public") for number in range(2)
    ]
    plain.goto("/search?sort=title&q=Listed")
    expect(plain.locator(".card")).to_have_count(2)
    expect(plain.locator(".card").first).to_have_attribute("data-video", videos[0])
    plain.get_by_label("Order").select_option("new")
    plain.get_by_role("button", name="Filter").click()
    expect(plain.locator(".card").first).to_have_attribute("data-video", videos[1])
    plain.get_by_role("searchbox", name="Search videos").fill("Listed 01")
    plain.keyboard.press("Enter")
    expect(plain.locator(".card")).to_have_count(1)


def test_a_playlist_is_made_ordered_and_deleted(plain: Page, shared_server: Server, clip: MakeClip) -> None:
    bea = shared_server.person("bea")  # with no playlists yet, so that the form for the first one is open
    path = clip("plain.mp4", duration_s=2, width=320, height=180)
    videos = [actions.upload_and_wait(bea, path, title=title) for title in ("Side A", "Side B")]
    sign_in(plain, bea)
    plain.goto(f"/watch/{videos[0]}/playlists")
    plain.get_by_label("Title").fill("By forms")
    plain.get_by_role("button", name="Create and add").click()
    expect(plain.get_by_role("button", name="By forms")).to_have_attribute("aria-pressed", "true")
    plain.goto(f"/watch/{videos[1]}/playlists")
    plain.get_by_role("button", name="By forms").click()
    plain.goto("/playlists")
    plain.get_by_role("link", name="By forms").click()
    rows = plain.locator(".playlist-link")
    expect(rows).to_have_text(["Side A", "Side B"])
    plain.locator(f"#item-{videos[1]}").get_by_role("button", name="Move up").click()
    expect(rows).to_have_text(["Side B", "Side A"])
    plain.goto(f"{urlsplit(plain.url).path}/delete")
    plain.get_by_role("button", name="Delete").click()
    expect(plain.get_by_role("link", name="By forms")).to_have_count(0)


def test_the_upload_page_says_what_it_needs(plain: Page, ada: Person) -> None:
    sign_in(plain, ada)
    plain.goto("/upload")
    expect(plain.get_by_text("Uploading needs JavaScript")).to_be_visible()
    expect(plain.get_by_text("Drop videos anywhere")).to_be_hidden()
