"""Somebody gives their profile a picture, with script and without, and sees it where their name is."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.images import UPRIGHT, make_picture, quadrant_colours
from tests.people import Person
from tests.server import Server, wait_until

SHOWN = "(image) => image.complete && image.naturalWidth"


def seen_in_the_menu(page: Page) -> int:
    """How wide the picture is that the menu shows, in pixels of its own."""
    image = page.get_by_label("Account").locator("img.avatar")
    expect(image).to_be_visible()
    width: int = wait_until(lambda: image.evaluate(SHOWN), "the picture is loaded")
    return width


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_picture_comes_and_goes(
    shared_server: Server, open_context: OpenContext, guard: BrowserMonitor, tmp_path: Path, script: bool
) -> None:
    guard.allow("status of 4")
    person = shared_server.person("face-script" if script else "face-plain")
    face, letter = tmp_path / "face.png", tmp_path / "letter.jpg"
    make_picture(face)
    letter.write_text("Dear all")
    page = open_context(shared_server.url, person, java_script_enabled=script).new_page()
    page.goto("/settings/profile")
    expect(page.get_by_label("Account").locator("span.avatar")).to_have_text("F")
    page.get_by_label("File").set_input_files(letter)
    page.get_by_role("button", name="Use this picture").click()
    expect(page.get_by_text("This is not a picture that can be read here")).to_be_visible()
    expect(page.get_by_label("File")).to_have_attribute("aria-invalid", "true")

    page.get_by_label("File").set_input_files(face)
    page.get_by_role("button", name="Use this picture").click()
    expect(page.get_by_role("button", name="Remove picture")).to_be_visible()
    expect(page).to_have_url(f"{shared_server.url}/settings/profile")
    assert seen_in_the_menu(page) == 256
    address = page.locator(".portrait > img.avatar").get_attribute("src")
    assert address
    assert quadrant_colours(person.browser.get(address).content) == ((256, 256), UPRIGHT)
    page.goto(f"/@{person.name}")
    expect(page.locator(".person-head > img.avatar")).to_have_attribute("src", address)

    page.goto("/settings/profile")
    page.get_by_role("button", name="Remove picture").click()
    expect(page.get_by_label("Account").locator("span.avatar")).to_have_text("F")
    expect(page.get_by_role("button", name="Remove picture")).to_have_count(0)


def test_one_that_is_too_large_is_told_so(
    shared_server: Server, open_context: OpenContext, guard: BrowserMonitor, tmp_path: Path
) -> None:
    guard.allow("status of 413")
    person: Person = shared_server.person("face-large")
    large = tmp_path / "large.jpg"
    large.write_bytes(b"\xff\xd8\xff" + bytes(25_000_000))
    page = open_context(shared_server.url, person).new_page()
    page.goto("/settings/profile")
    page.get_by_label("File").set_input_files(large)
    page.get_by_role("button", name="Use this picture").click()
    expect(page.get_by_text("This picture is larger than 10 MB.")).to_be_visible()
