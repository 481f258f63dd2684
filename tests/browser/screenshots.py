"""Takes pictures of all pages in both themes, on a phone and on a desktop; `make screenshots`.

    python -m tests.browser.screenshots OUT               a library with pictures, then every page of the tests
    python -m tests.browser.screenshots OUT --only watch  pages whose name contains a word
    python -m tests.browser.screenshots OUT --readme      only those in docs/screenshots, under their names there

CHROMIUM names the browser.
"""

import argparse
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import ARGUMENTS, sign_in_context
from tests.browser.page_checks import wait_page_ready
from tests.browser.sample_server import open_sample_server
from tests.browser.showcase import open_showcase
from tests.clips import run_ffmpeg
from tests.people import Person

SIZES = {"desktop": (1440, 900), "phone": (390, 844)}
README = (
    ("explore", "dark", "desktop", "explore"),
    ("watch", "dark", "desktop", "watch"),
    ("library", "light", "desktop", "library"),
    ("explore", "light", "phone", "explore-phone"),
)
"""Page, theme and size of the pictures in docs/screenshots, and their names there."""


def main() -> None:
    """Take the pictures that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--only", default="", help="pages whose name contains this")
    parser.add_argument("--readme", action="store_true", help="only the pictures of docs/screenshots")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="streamtime-screenshots-") as folder, _browser() as browser:
        print("A server with a library is made ready: about a minute.", flush=True)
        with open_showcase(Path(folder), browser) as showcase:
            photographer = _Photographer(browser, showcase.server.url, chosen.out, chosen.only)
            if chosen.readme:
                for name, theme, size, file in README:
                    photographer.take({file: showcase.pages()[name]}, showcase.viewer, theme, size, named=False)
                    _to_webp(chosen.out / f"{file}.png")
                return
            photographer.take_all(showcase.pages(), showcase.viewer)
        print("A server with something in every state is made ready.", flush=True)
        with open_sample_server(Path(folder)) as sample:
            photographer = _Photographer(browser, sample.server.url, chosen.out / "states", chosen.only)
            photographer.take_all(sample.member_pages(), sample.owner)
            photographer.take_all(sample.guest_pages(), None)


def _to_webp(picture: Path) -> None:
    """Replace a picture by a smaller one of another format."""
    run_ffmpeg("-i", str(picture), "-c:v", "libwebp", "-quality", "84", str(picture.with_suffix(".webp")))
    picture.unlink()


@contextmanager
def _browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"), args=list(ARGUMENTS))
        yield browser
        browser.close()


class _Photographer:
    """Takes pictures of the pages of one server."""

    def __init__(self, browser: Browser, url: str, out: Path, only: str) -> None:
        self._browser = browser
        self._url = url
        self._out = out
        self._only = only

    def take_all(self, pages: Mapping[str, str], person: Person | None) -> None:
        wanted = {name: path for name, path in pages.items() if self._only in name}
        for theme in ("dark", "light"):
            for size in SIZES:
                self.take(wanted, person, theme, size)

    def take(
        self, pages: Mapping[str, str], person: Person | None, theme: str, size: str, *, named: bool = True
    ) -> None:
        width, height = SIZES[size]
        context = self._browser.new_context(
            base_url=self._url,
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
        )
        if person:
            sign_in_context(context, person, self._url)
        page = context.new_page()
        for number, (name, path) in enumerate(pages.items(), 1):
            file = self._out / f"{name.replace(' ', '-')}{f'-{theme}-{size}' if named else ''}.png"
            _take(page, path, file)
            print(f"{number:3}/{len(pages)} {theme:5} {size:7} {file}", flush=True)
        context.close()


def _take(page: Page, path: str, file: Path) -> None:
    page.goto(path)
    wait_page_ready(page)
    page.wait_for_function(_PICTURES_ARE_THERE)
    page.wait_for_function("() => !document.querySelector('.htmx-request')")
    page.screenshot(path=file)


_PICTURES_ARE_THERE = """() => [...document.images].every((image) => {
  const { top, bottom, width } = image.getBoundingClientRect();
  return image.complete || !width || top > innerHeight || bottom < 0;
})"""
"""Those in the window. The page may keep a stream of events open, so that its network is never idle."""


if __name__ == "__main__":
    main()
