"""The main job, from the first visit to the last trace: what the product is for, through its pages alone."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser import actions
from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.people import PASSWORD, Person
from tests.server import Server

MakeClip = Callable[..., Path]


def make_the_first_account(page: Page, server: Server) -> None:
    page.goto("/")
    page.wait_for_url("**/setup")
    page.get_by_label("Setup code").fill(server.setup_code)
    page.get_by_label("User name").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.wait_for_url("**/library")
    expect(page.get_by_role("heading", name="Your library is empty")).to_be_visible()


def test_from_the_first_visit_to_the_last_trace(server: Server, open_context: OpenContext, clip: MakeClip) -> None:
    wide = clip("holiday_by_the_sea.mp4", duration_s=3)
    small = clip("second.mov", duration_s=2, width=320, height=180)
    dropped = clip("dropped.mp4", duration_s=2, width=320, height=180, fps=30)
    own = open_context(server.url)
    page = own.new_page()
    make_the_first_account(page, server)

    library = own.new_page()
    library.goto("/library")

    page.bring_to_front()
    page.get_by_role("link", name="Upload").first.click()
    actions.choose_files(page, [wide, small])
    actions.drag_and_drop(page, dropped)
    for path in (wide, small, dropped):
        actions.wait_phase(actions.upload_row(page, path.name), "playable")
    video = actions.video_of(actions.upload_row(page, wide.name))
    other = actions.video_of(actions.upload_row(page, small.name))

    library.bring_to_front()
    for upload in (video, other):
        expect(actions.card(library, upload)).to_have_attribute(
            "data-state", "ready", timeout=actions.SETTLED_WITHIN_MS
        )

    page.bring_to_front()
    actions.upload_row(page, wide.name).get_by_role("link", name="Watch").click()
    page.wait_for_url(f"**/watch/{video}")
    expect(page.get_by_role("heading", level=1)).to_have_text("holiday by the sea")
    actions.play(page)
    assert actions.brightness(page) > 40


def test_quality_follows_the_hand_and_then_itself_again(page: Page, ada: Person, clip: MakeClip) -> None:
    video = actions.upload_and_wait(ada, clip(duration_s=40, fps=10))  # it must not end before the hand is done
    page.goto(f"/watch/{video}")
    player = actions.player(page)
    expect(player).to_have_attribute("data-levels", "360 240")
    expect(player).to_have_attribute("data-quality", "auto")
    actions.play(page)

    actions.choose_quality(page, "240p")
    expect(player).to_have_attribute("data-quality", "240")
    expect(player).to_have_attribute("data-level", "240")
    await_picture(page, 426, 240)

    actions.choose_quality(page, "360p")
    expect(player).to_have_attribute("data-level", "360")
    await_picture(page, 640, 360)

    actions.choose_quality(page, "Auto")
    expect(player).to_have_attribute("data-quality", "auto")
    actions.wait_playing(page, actions.current_time_s(page))
    assert actions.brightness(page) > 40


def test_what_is_edited_is_seen_by_the_other_tab_at_once(page: Page, ada: Person, clip: MakeClip) -> None:
    video = actions.upload_and_wait(ada, clip("plain.mp4", duration_s=2, width=320, height=180))
    library = page.context.new_page()
    library.goto("/library")
    card = actions.card(library, video)
    expect(card.get_by_role("heading")).to_have_text("plain")

    page.goto(f"/watch/{video}")
    actions.open_more(page)
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Title").fill("A day at the lake")
    page.get_by_label("Description").fill("We arrive at 0:01.\nMore at http://example.org/lake")
    page.get_by_label("Tags").fill("summer, water")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_url(f"**/watch/{video}")

    expect(page.get_by_role("heading", level=1)).to_have_text("A day at the lake")
    expect(page.get_by_role("link", name="http://example.org/lake")).to_have_attribute("rel", re.compile("noopener"))
    expect(page.get_by_role("list", name="Tags").get_by_role("link")).to_have_text(["summer", "water"])
    page.get_by_role("link", name="0:01").click()
    actions.wait_playing(page, 1)
    library.bring_to_front()
    expect(card.get_by_role("heading")).to_have_text("A day at the lake")


def test_public_is_for_everybody_and_private_again_for_nobody_else(
    page: Page, guest: Page, ada: Person, clip: MakeClip, guard: BrowserMonitor
) -> None:
    video = actions.upload_and_wait(
        ada, clip("shown.mp4", duration_s=4, width=320, height=180), title="Shown to everybody"
    )
    page.goto(f"/watch/{video}")
    guest.goto("/explore")
    expect(actions.card(guest, video)).to_have_count(0)

    switch_visibility(page, "Private", "Public")

    guest.goto("/explore")
    actions.card(guest, video).get_by_role("link", name="Shown to everybody").click()
    with guest.expect_response(re.compile(r"\.m4s$")):
        actions.play(guest)
    assert actions.brightness(guest) > 40
    addresses = guest.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    known = [address for address in addresses if f"/media/{video}/" in address]
    assert any(address.endswith("playlist.m3u8") for address in known)
    assert any(address.endswith(".m4s") for address in known)
    assert guest.request.get(known[0]).status == 200

    switch_visibility(page, "Public", "Private")

    guard.allow("status of 404")
    answer = guest.goto(f"/watch/{video}")
    assert answer
    assert answer.status == 404
    assert {address: guest.request.get(address).status for address in known} == dict.fromkeys(known, 404)
    guest.goto("/explore")
    expect(actions.card(guest, video)).to_have_count(0)


def test_deleted_is_gone_here_and_in_the_other_tab(
    page: Page, ada: Person, clip: MakeClip, guard: BrowserMonitor
) -> None:
    path = clip("plain.mp4", duration_s=2, width=320, height=180)
    video, stays = (
        actions.upload_and_wait(ada, path, title="To go"),
        actions.upload_and_wait(ada, path, title="To stay"),
    )
    library = page.context.new_page()
    library.goto("/library")
    expect(actions.card(library, video)).to_be_visible()

    page.goto(f"/watch/{video}")
    actions.open_more(page)
    page.get_by_role("link", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog", name="Delete this video?")
    dialog.get_by_role("link", name="Keep it").click()
    expect(dialog).to_have_count(0)
    actions.open_more(page)
    page.get_by_role("link", name="Delete", exact=True).click()
    dialog.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url("**/library?*")

    library.bring_to_front()
    expect(actions.card(library, video)).to_have_count(0)
    expect(actions.card(library, stays)).to_be_visible()
    guard.allow("status of 404")
    answer = page.goto(f"/watch/{video}")
    assert answer
    assert answer.status == 404


def await_picture(page: Page, width: int, height: int) -> None:
    page.wait_for_function(
        "([width, height]) => { const video = document.querySelector('streamtime-video').nativeEl;"
        " return video.videoWidth === width && video.videoHeight === height; }",
        arg=[width, height],
    )


def switch_visibility(page: Page, now: str, then: str) -> None:
    page.get_by_label(f"Who can watch: {now}").click()
    page.locator("#visibility").get_by_role("button", name=then).click()
    expect(page.get_by_label(f"Who can watch: {then}")).to_be_visible()
