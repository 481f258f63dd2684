"""Playlists as people use them: added from a card, ordered by keyboard and by drag, played through to the next."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import actions
from tests.browser.conftest import OpenContext
from tests.browser.page_checks import faults_of, wait_page_ready
from tests.people import Person
from tests.server import Server

MakeClip = Callable[..., Path]
PLAYLISTS = "/api/v1/playlists"


@pytest.fixture(scope="module")
def episodes(ada: Person, clip: MakeClip) -> list[str]:
    path: Path = clip("episode.mp4", duration_s=2, width=320, height=180)
    return [actions.upload_and_wait(ada, path, title=f"Serial S01E0{n}", visibility="public") for n in (1, 2, 3)]


@pytest.fixture
def page(ada: Person, open_context: OpenContext, shared_server: Server) -> Page:
    return open_context(shared_server.url, ada).new_page()


def create(ada: Person, title: str, *videos: str) -> str:
    playlist: str = ada.api.post(PLAYLISTS, json={"title": title}).raise_for_status().json()["id"]
    for video in videos:
        ada.api.post(f"{PLAYLISTS}/{playlist}/items", json={"video": video}).raise_for_status()
    return playlist


def stored(ada: Person, playlist: str) -> list[str]:
    items = ada.api.get(f"{PLAYLISTS}/{playlist}/items").raise_for_status().json()["items"]
    return [video["title"] for video in items]


def rows(page: Page) -> Locator:
    return page.locator(".playlist-link")


def test_a_video_is_added_from_its_card_to_a_new_playlist_and_removed_again(page: Page, episodes: list[str]) -> None:
    page.goto("/explore")
    actions.card(page, episodes[0]).get_by_label("Actions for Serial S01E01").click()
    page.get_by_role("link", name="Add to playlist").click()
    dialog = page.get_by_role("dialog", name="Add to playlist")
    expect(dialog).to_be_visible()
    title = dialog.get_by_label("Title")
    if not title.is_visible():  # it is open where there is no playlist yet
        dialog.get_by_text("New playlist").click()
    title.fill("From a card")
    dialog.get_by_role("button", name="Create and add").click()
    switch = dialog.get_by_role("button", name="From a card")
    expect(switch).to_have_attribute("aria-pressed", "true")
    assert faults_of(page) == []
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "false")
    switch.press("Enter")
    expect(switch).to_have_attribute("aria-pressed", "true")
    dialog.get_by_role("link", name="Done").click()
    expect(dialog).to_have_count(0)
    expect(page).to_have_url(re.compile("/explore$"))
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Playlists").click()
    page.get_by_role("link", name="From a card").click()
    expect(rows(page)).to_have_text(["Serial S01E01"])


def test_a_card_is_marked_to_be_watched_later_and_as_watched(page: Page, episodes: list[str]) -> None:
    page.goto("/explore")
    card = actions.card(page, episodes[2])
    opener = card.get_by_label("Actions for Serial S01E03")
    opener.click()
    card.get_by_role("button", name="Watch later").click()
    expect(page.locator(".toast")).to_have_text("Added to Watch later")
    opener.click()
    card.get_by_role("button", name="Mark as watched").click()
    expect(card.locator("progress.watched")).to_have_attribute("value", "100")
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Watch later").click()
    expect(actions.card(page, episodes[2])).to_be_visible()
    assert faults_of(page) == []
    page.get_by_role("button", name="Remove Serial S01E03 from the list").click()
    expect(page.get_by_role("heading", name="Nothing to watch later")).to_be_visible()


def test_videos_are_ordered_by_keyboard_and_the_order_stays(page: Page, ada: Person, episodes: list[str]) -> None:
    playlist = create(ada, "By keyboard", *episodes)
    page.goto(f"/playlists/{playlist}")
    wait_page_ready(page)
    last = page.locator(f"#item-{episodes[2]}").get_by_role("button", name="Move up")
    last.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Moved to place 2 of 3")).to_have_count(1)
    expect(last).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").filter(has_text="Moved to place 1 of 3")).to_have_count(1)
    expect(rows(page)).to_have_text(["Serial S01E03", "Serial S01E01", "Serial S01E02"])
    assert stored(ada, playlist) == ["Serial S01E03", "Serial S01E01", "Serial S01E02"]
    page.get_by_role("button", name="Order by episode").click()
    expect(rows(page)).to_have_text(["Serial S01E01", "Serial S01E02", "Serial S01E03"])
    page.locator(f"#item-{episodes[1]}").get_by_role("button", name="Remove").click()
    expect(rows(page)).to_have_text(["Serial S01E01", "Serial S01E03"])
    assert stored(ada, playlist) == ["Serial S01E01", "Serial S01E03"]


def test_a_row_is_dragged_by_its_handle(page: Page, ada: Person, episodes: list[str]) -> None:
    playlist = create(ada, "By drag", *episodes)
    page.goto(f"/playlists/{playlist}")
    wait_page_ready(page)
    first = page.locator(f"#item-{episodes[0]}")
    with page.expect_response(lambda answer: answer.request.method == "PATCH") as answer:
        first.locator("[data-drag]").hover()
        page.mouse.down()
        box = page.locator(f"#item-{episodes[2]}").bounding_box()
        assert box
        page.mouse.move(box["x"] + 20, box["y"] + box["height"] - 4, steps=8)
        page.mouse.up()
    assert answer.value.ok
    expect(rows(page)).to_have_text(["Serial S01E02", "Serial S01E03", "Serial S01E01"])
    assert stored(ada, playlist) == ["Serial S01E02", "Serial S01E03", "Serial S01E01"]


def test_the_next_video_follows_by_itself_unless_it_is_stopped(page: Page, ada: Person, episodes: list[str]) -> None:
    playlist = create(ada, "Evening", *episodes)
    page.goto(f"/playlists/{playlist}")
    page.get_by_role("link", name="Play all").click()
    expect(page).to_have_url(re.compile(f"/watch/{episodes[0]}"))
    queue = page.get_by_role("region", name="Playlist")
    expect(queue.locator("[aria-current]")).to_contain_text("Serial S01E01")
    expect(queue.get_by_text("1 of 3")).to_be_visible()
    page.get_by_role("button", name="Play", exact=True).first.click()
    up_next = page.get_by_role("group", name="Up next")
    expect(up_next).to_contain_text("Serial S01E02")
    expect(page).to_have_url(re.compile(f"/watch/{episodes[1]}"))
    # It plays without a click, to its end.
    expect(up_next).to_contain_text("Serial S01E03")
    up_next.get_by_role("button", name="Cancel").click()
    expect(up_next).to_have_count(0)
    page.keyboard.press("Shift+P")
    expect(page).to_have_url(re.compile(f"/watch/{episodes[0]}"))
    page.get_by_role("link", name="Next video").click()
    expect(page).to_have_url(re.compile(f"/watch/{episodes[1]}"))


def test_shuffle_keeps_its_order_over_pages(page: Page, ada: Person, episodes: list[str]) -> None:
    playlist = create(ada, "Shuffled", *episodes)
    page.goto(f"/playlists/{playlist}")
    page.get_by_role("link", name="Shuffle").click()
    expect(page).to_have_url(re.compile("shuffle="))
    queue = page.get_by_role("region", name="Playlist")
    expect(queue.locator(".queue-text > span")).to_have_count(3)
    order = queue.locator(".queue-text > span").all_inner_texts()
    assert sorted(order) == ["Serial S01E01", "Serial S01E02", "Serial S01E03"]
    page.get_by_role("link", name="Next video").click()
    expect(queue.get_by_text("2 of 3")).to_be_visible()
    expect(queue.locator(".queue-text > span")).to_have_text(order)
    queue.get_by_role("link", name="Play in order").click()
    expect(queue.locator(".queue-text > span")).to_have_text(["Serial S01E01", "Serial S01E02", "Serial S01E03"])


def test_without_a_playlist_the_next_episode_follows_while_autoplay_is_on(
    page: Page, ada: Person, episodes: list[str]
) -> None:
    page.goto(f"/watch/{episodes[0]}")
    wait_page_ready(page)
    related = page.get_by_role("region", name="Up next")
    expect(related.get_by_role("listitem").first).to_contain_text("Serial S01E02")
    autoplay = related.get_by_role("switch", name="Autoplay")
    with actions.preferences_saved(page):
        autoplay.uncheck()
    page.reload()
    wait_page_ready(page)
    expect(autoplay).not_to_be_checked()
    actions.play(page)
    page.wait_for_function("() => document.querySelector('streamtime-video').ended")
    up_next = page.get_by_role("group", name="Up next")
    expect(up_next).to_have_count(0)
    autoplay.check()
    page.keyboard.press("0")
    page.keyboard.press("k")
    expect(up_next).to_contain_text("Serial S01E02")
    up_next.get_by_role("button", name="Cancel").click()
    page.keyboard.press("Shift+N")
    expect(page).to_have_url(re.compile(f"/watch/{episodes[1]}$"))
    expect(up_next).to_contain_text("Serial S01E03")  # it plays by itself, to its end
    expect(page).to_have_url(re.compile(f"/watch/{episodes[2]}$"))
    ada.api.patch("/api/v1/me/preferences", json={"autoplay": "auto"}).raise_for_status()


def test_nothing_follows_by_itself_where_less_motion_is_asked_for(
    open_context: OpenContext, shared_server: Server, ada: Person, episodes: list[str]
) -> None:
    page = open_context(shared_server.url, ada, reduced_motion="reduce").new_page()
    page.goto(f"/watch/{episodes[0]}")
    expect(page.get_by_role("switch", name="Autoplay")).not_to_be_checked()
