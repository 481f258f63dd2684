"""Chromium, a server, and people in front of it, for the tests of this folder.

Playwright's synchronous API keeps an event loop running in the thread of the tests for as long as it is open, in
which no asynchronous test could run. So it is open from the first test of this folder until a test of another folder
comes next: the modules here are synchronous throughout, and others find the thread as they left it.
"""

import os
import shutil
import struct
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.browser_monitor import BrowserMonitor
from tests.clips import make_clip
from tests.people import PASSWORD, Person
from tests.server import Server

ARGUMENTS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE 127.0.0.2, EXCLUDE localhost",
    "--mute-audio",
    "--no-sandbox",
)
TIMEOUT_MS = 60_000
expect.set_options(timeout=TIMEOUT_MS)


class OpenContext(Protocol):
    """Opens a fresh browser profile; `signed_in` is the person it begins with."""

    def __call__(self, url: str, signed_in: Person | None = None, **options: Any) -> BrowserContext: ...  # noqa: ANN401  # Playwright's


@pytest.fixture(scope="session")
def chromium() -> str:
    """The distribution's Chromium: it plays H.264 and AAC, which Playwright's own does not."""
    named = os.environ.get("CHROMIUM") or "chromium"
    found = shutil.which(named)
    assert found, f"no browser at {named}; run: sudo apt install chromium"
    return found


class _Chromium:
    """The browser of this process of tests: launched when one is wanted, and anew after a crash."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._browser: Browser | None = None

    def acquire(self, executable: str) -> Browser:
        if self._browser is None or not self._browser.is_connected():
            self.close()
            playwright = self._stack.enter_context(sync_playwright())
            self._browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
            self._stack.callback(self._browser.close)
        return self._browser

    def close(self) -> None:
        self._stack.close()
        self._browser = None


_chromium = _Chromium()


def pytest_configure(config: pytest.Config) -> None:
    config.add_cleanup(_chromium.close)  # where a run ends early


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None, None, None]:
    try:
        yield
    finally:
        if nextitem is None or item.path.parent != nextitem.path.parent:
            _chromium.close()


@pytest.fixture
def browser(chromium: str) -> Browser:
    return _chromium.acquire(chromium)


@pytest.fixture(scope="session")
def ada(shared_server: Server) -> Person:
    """Somebody with an account and videos on the shared server."""
    return shared_server.person("ada")


@pytest.fixture
def guard() -> Iterator[BrowserMonitor]:
    watcher = BrowserMonitor()
    yield watcher
    assert not watcher.faults(), "\n".join(watcher.faults())


@pytest.fixture
def open_context(browser: Browser, guard: BrowserMonitor) -> Iterator[OpenContext]:
    opened: list[BrowserContext] = []

    def open_one(url: str, signed_in: Person | None = None, **options: Any) -> BrowserContext:  # noqa: ANN401  # Playwright's
        context = browser.new_context(base_url=url, **{"viewport": {"width": 1280, "height": 800}, **options})
        context.set_default_timeout(TIMEOUT_MS)
        guard.allowed_origins.add(url)
        guard.watch(context)
        if signed_in:
            sign_in_context(context, signed_in, url)
        opened.append(context)
        return context

    yield open_one
    for context in opened:
        context.close()


@pytest.fixture
def page(open_context: OpenContext, shared_server: Server, ada: Person) -> Page:
    """A tab of theirs."""
    return open_context(shared_server.url, ada).new_page()


@pytest.fixture
def guest(open_context: OpenContext, shared_server: Server) -> Page:
    """A tab of somebody with no account."""
    return open_context(shared_server.url).new_page()


@pytest.fixture(scope="session")
def clip() -> Iterator[Callable[..., Path]]:
    """Makes a clip unlike any other, or hands out the one made before from the same wishes."""
    made: dict[tuple[Any, ...], Path] = {}
    with tempfile.TemporaryDirectory(prefix="streamtime-clips-") as folder:

        def make(name: str = "clip.mp4", **wishes: Any) -> Path:  # noqa: ANN401  # those of make_clip
            key = (name, *sorted(wishes.items()))
            if key not in made:
                own = Path(folder, str(len(made)))
                own.mkdir()
                made[key] = make_clip(own / name, **wishes)
                if name.endswith(".mp4"):  # what somebody has already, to the byte, would wait for an answer
                    with made[key].open("ab") as file:
                        file.write(struct.pack(">I4s", 24, b"free") + os.urandom(16))
            return made[key]

        yield make


def sign_in_context(context: BrowserContext, person: Person, url: str) -> None:
    """Sign in as the form does; the form itself has tests of its own."""
    form: dict[str, str | float | bool] = {"name": person.name, "password": PASSWORD, "next": "/library"}
    answer = context.request.post("/login", form=form, headers={"Origin": url}, max_redirects=0)
    assert answer.status == 303, answer.text()
