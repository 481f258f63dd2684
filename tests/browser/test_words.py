"""What people or files can write is words on every page that shows it: to its owner, to admins, to strangers."""

from collections.abc import Iterator
from typing import cast

import pytest
from playwright.sync_api import Dialog, Page, expect

from tests.browser import actions
from tests.browser.browser_monitor import BrowserMonitor
from tests.browser.conftest import OpenContext
from tests.browser.injection_server import InjectionServer, open_injection_server, payload, payload_text

WRITTEN = """() => [
  document.body.textContent,
  ...[...document.querySelectorAll("input, textarea")].map((field) => field.value),
  ...[...document.querySelectorAll("[title], [alt], [aria-label]")].flatMap(
    (element) => [element.title, element.alt, element.getAttribute("aria-label")]),
].join("\\n")"""
"""All that a page says, also what is behind a menu or read aloud."""

NAME = "\"'><svg onload=alert(1)>"
"""As much as the field for the name of an account takes."""

INTRUDERS = "img[src='x'], svg[onload], [onerror], script:not([src]):not([type$='json'])"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InjectionServer]:
    with open_injection_server(tmp_path_factory.mktemp("words")) as made:
        yield made


@pytest.fixture
def heard() -> Iterator[list[str]]:
    """What dialogs say that some code has opened: none may."""
    said: list[str] = []
    yield said
    assert not said


def opened(open_context: OpenContext, stage: InjectionServer, who: str, heard: list[str]) -> Page:
    person = {"owner": stage.owner, "admin": stage.admin}.get(who)
    page = open_context(stage.server.url, person).new_page()

    def hear(dialog: Dialog) -> None:
        heard.append(f"{page.url}: {dialog.message}")
        dialog.dismiss()

    page.on("dialog", hear)
    return page


def wrong_on(page: Page, shows: tuple[str, ...]) -> list[str]:
    """What is not as it was written, or is more than words."""
    written = cast("str", page.evaluate(WRITTEN))
    missing = [place for place in shows if payload_text(place) not in written]
    intruders = page.locator(INTRUDERS).count()
    return [f"not shown as written: {missing}"] * bool(missing) + [f"{intruders} elements"] * bool(intruders)


@pytest.mark.parametrize("who", ["owner", "admin", "nobody"])
def test_words_are_words_on_every_page(
    open_context: OpenContext, stage: InjectionServer, guard: BrowserMonitor, heard: list[str], who: str
) -> None:
    guard.allow("status of 404")
    page = opened(open_context, stage, who, heard)
    faults = []
    for shown in stage.pages():
        if shown.who != who:
            continue
        answer = page.goto(shown.path)
        assert answer
        assert answer.status == shown.status, shown.path
        faults += [f"{shown.path}: {fault}" for fault in wrong_on(page, shown.shows)]
    assert not faults, "\n".join(faults)


def test_so_they_are_in_dialogs(open_context: OpenContext, stage: InjectionServer, heard: list[str]) -> None:
    page = opened(open_context, stage, "owner", heard)
    for name, place in (("Share", "link"), ("Delete", "title")):
        page.goto(f"/watch/{stage.videos['video']}")
        if name == "Delete":
            actions.open_more(page)
        page.get_by_role("link", name=name, exact=True).click()
        expect(page.get_by_role("dialog")).to_contain_text(payload(place))
        assert not wrong_on(page, (place,)), name


def test_a_form_gives_them_back(
    open_context: OpenContext, stage: InjectionServer, guard: BrowserMonitor, heard: list[str]
) -> None:
    guard.allow("status of 40[019]")
    page = opened(open_context, stage, "nobody", heard)
    for path in ("/register", stage.paths["join"]):
        page.goto(path)
        page.get_by_label("User name").fill(NAME)
        page.get_by_label("Display name").fill(payload("display"))
        page.get_by_label("Password").fill("long enough, it is")
        page.get_by_role("button").last.click()
        expect(page.get_by_label("User name")).to_have_value(NAME)
        assert not wrong_on(page, ("display",)), path
