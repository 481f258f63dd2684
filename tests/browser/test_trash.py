"""Deleting and thinking better of it, and a file that is there already, as people meet them."""

import os
import struct
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, Route, expect

from tests.browser import actions
from tests.browser.browser_monitor import BrowserMonitor
from tests.people import Person

MakeClip = Callable[..., Path]


def unlike_any_other(path: Path, clip: Path) -> Path:
    path.write_bytes(clip.read_bytes() + struct.pack(">I4s", 24, b"free") + os.urandom(16))
    return path


def test_deleted_undone_binned_and_deleted_for_good(
    page: Page, ada: Person, clip: MakeClip, guard: BrowserMonitor
) -> None:
    guard.allow("status of 404")
    video = actions.upload_and_wait(
        ada, clip("second-thoughts.mp4", duration_s=2, width=320, height=180), title="Second thoughts"
    )
    page.goto(f"/watch/{video}/delete")
    page.get_by_role("button", name="Delete", exact=True).click()
    flash = page.locator(".undo")
    expect(flash).to_contain_text("Second thoughts")
    expect(actions.card(page, video)).to_have_count(0)
    flash.get_by_role("button", name="Undo").click()
    expect(actions.card(page, video)).to_be_visible()
    expect(page.locator(".undo")).to_have_count(0)
    page.goto(f"/watch/{video}")
    actions.play(page)

    page.goto(f"/watch/{video}/delete")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.locator(".undo").get_by_role("link", name="trash").click()
    row = page.locator(f"#deleted-{video}")
    expect(row).to_contain_text("30 days left")
    row.get_by_role("link", name="Delete now").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete permanently").click()
    expect(row).to_have_count(0)
    assert ada.api.post(f"/api/v1/videos/{video}/restore").status_code == 404


def test_deleting_for_good_is_asked_on_its_own_with_the_title(
    page: Page, ada: Person, clip: MakeClip, guard: BrowserMonitor
) -> None:
    guard.allow("status of 404")
    video = actions.upload_and_wait(ada, clip("final.mp4", duration_s=2, width=320, height=180), title="Only once")
    page.goto(f"/watch/{video}")
    actions.open_more(page)
    page.get_by_role("link", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("link", name="Delete permanently").click()
    question = page.get_by_role("dialog", name="Delete “Only once” permanently?")
    question.get_by_role("link", name="Keep it").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert ada.look(video)["state"] == "ready"

    actions.open_more(page)
    page.get_by_role("link", name="Delete", exact=True).click()
    page.get_by_role("dialog").get_by_role("link", name="Delete permanently").click()
    question.get_by_role("button", name="Delete permanently").click()
    page.wait_for_url("**/library")
    assert ada.api.post(f"/api/v1/videos/{video}/restore").status_code == 404


def test_a_file_that_is_there_already_waits_for_an_answer(
    page: Page, ada: Person, clip: MakeClip, tmp_path: Path, guard: BrowserMonitor
) -> None:
    guard.allow("status of 404")
    path = unlike_any_other(tmp_path / "again.mp4", clip("again.mp4", duration_s=2, width=320, height=180))
    first = actions.upload_and_wait(ada, path, title="The first of them")
    page.goto("/upload")
    actions.choose_files(page, path)
    row = actions.upload_row(page, path.name)
    notice = row.locator("[data-duplicate]")
    expect(notice).to_contain_text("The first of them")
    copy = actions.video_of(row)
    assert ada.look(copy)["state"] == "queued"
    notice.get_by_role("button", name="Delete this copy").click()
    question = page.get_by_role("dialog", name="permanently?")
    question.get_by_role("button", name="Keep it").click()
    assert ada.api.get(f"/api/v1/videos/{copy}").status_code == 200
    notice.get_by_role("button", name="Delete this copy").click()
    question.get_by_role("button", name="Delete this copy").click()
    expect(row.locator("[data-status]")).to_have_text("This copy is deleted.")
    assert ada.api.get(f"/api/v1/videos/{copy}").status_code == 404

    actions.choose_files(page, path)
    again = actions.upload_row(page, path.name).last
    again.get_by_role("button", name="Keep both").click()
    actions.wait_phase(again, "playable")
    assert ada.look(first)["state"] == "ready"


def test_a_creation_whose_answer_is_lost_makes_no_second_video(
    page: Page, clip: MakeClip, tmp_path: Path, guard: BrowserMonitor
) -> None:
    guard.allow("net::ERR_")
    path = unlike_any_other(tmp_path / "lost.mp4", clip("lost.mp4", duration_s=2, width=320, height=180))
    page.goto("/upload")
    made: list[str] = []

    def lose_the_first(route: Route) -> None:
        if route.request.method == "POST" and not made:
            made.append(route.fetch().headers["streamtime-video"])
            route.abort()
        else:
            route.continue_()

    page.route("**/api/v1/uploads", lose_the_first)
    actions.choose_files(page, path)
    row = actions.upload_row(page, path.name)
    actions.wait_phase(row, "playable")
    assert actions.video_of(row) == made[0]
