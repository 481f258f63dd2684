"""Handing a video to others, and taking videos from them, as people meet it."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser import actions
from tests.people import Person
from tests.server import wait_until

MakeClip = Callable[..., Path]


def test_a_link_made_on_the_watch_page_plays_for_a_stranger(
    page: Page, guest: Page, ada: Person, clip: MakeClip
) -> None:
    video = actions.upload_and_wait(
        ada, clip("to-share.mp4", duration_s=2, width=320, height=180), title="For my friends"
    )
    page.goto(f"/watch/{video}")
    page.get_by_role("link", name="Share", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Recipient").fill("The friends")
    dialog.get_by_role("button", name="Create link").click()
    address = page.locator("#share-address")
    expect(address).to_have_value(re.compile(r"/s/\w+$"))
    expect(page.get_by_role("img", name="QR code of the link").locator("path")).to_be_visible()
    link = address.input_value()

    guest.goto(link)
    expect(guest.get_by_role("heading", name="For my friends")).to_be_visible()
    actions.play(guest)
    row = page.locator(".link-row").filter(has_text="The friends")
    page.goto("/settings/links")
    expect(row).to_contain_text("opened once")
    row.get_by_role("button", name="Revoke").click()
    expect(row).to_contain_text("revoked")


def test_a_link_with_a_password_starts_at_its_moment(page: Page, guest: Page, ada: Person, clip: MakeClip) -> None:
    video = actions.upload_and_wait(ada, clip("from-two.mp4", duration_s=4, width=320, height=180))
    page.goto(f"/watch/{video}/share")
    page.get_by_label("Password").fill("open sesame")
    page.get_by_role("button", name="Create link").click()
    address = page.locator("#share-address")
    expect(address).to_have_value(re.compile(r"/s/\w+$"))
    page.get_by_role("textbox", name="Start at").fill("0:02")
    page.get_by_role("textbox", name="Start at").press("Enter")
    expect(page.get_by_role("checkbox", name="Start at")).to_be_checked()
    expect(address).to_have_value(re.compile(r"/s/\w+\?t=2$"))

    guest.goto(address.input_value())
    guest.get_by_label("Password").fill("open sesame")
    guest.get_by_role("button").last.click()
    guest.wait_for_function("() => document.querySelector('streamtime-video')?.currentTime === 2")


def test_playing_elsewhere_shows_an_address_and_a_code(page: Page, ada: Person, clip: MakeClip) -> None:
    video = actions.upload_and_wait(
        ada, clip("elsewhere.mp4", duration_s=2, width=320, height=180), title="On the large screen"
    )
    page.goto(f"/watch/{video}")
    actions.open_more(page)
    page.get_by_role("link", name="Play elsewhere").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("#elsewhere-address")).to_have_value(re.compile(rf"/t/[^/]+/media/{video}/master\.m3u8$"))
    expect(dialog.get_by_role("img", name="QR code").locator("path")).to_be_visible()
    dialog.get_by_role("button", name="Copy").click()
    expect(dialog.get_by_role("button", name="Copied")).to_be_visible()
    dialog.get_by_role("link", name="Close").click()
    expect(dialog).to_have_count(0)


def test_a_guest_sends_a_video(guest: Page, ada: Person, clip: MakeClip) -> None:
    drop = ada.api.post("/api/v1/drops", json={"label": "Pictures of the day"}).raise_for_status().json()
    path = clip("from-a-guest.mp4", duration_s=2, width=320, height=180)
    guest.goto(drop["url"])
    guest.get_by_label("Your name").fill("Uncle Jo")
    actions.choose_files(guest, path)
    row = guest.locator(".sent").filter(has_text=path.name)
    expect(row).to_have_attribute("data-phase", "received")
    expect(row).to_contain_text("Received")

    def sent() -> bool:
        items = ada.api.get("/api/v1/videos").raise_for_status().json()["items"]
        return [item["visibility"] for item in items if item["guest_name"] == "Uncle Jo"] == ["private"]

    wait_until(sent, "in the library")
