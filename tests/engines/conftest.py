"""Firefox and WebKit, each started when a test wants it."""

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.engines.firefox import Firefox
from tests.engines.tab import Tab
from tests.engines.webkit import WebKit
from tests.server import Server

ENGINES = {"firefox": (Firefox, "FIREFOX", "firefox-esr"), "webkit": (WebKit, "WEBKIT", "WebKitWebDriver")}


@pytest.fixture(params=sorted(ENGINES))
def tab(request: pytest.FixtureRequest, shared_server: Server) -> Iterator[Tab]:
    """A tab of a fresh browser, which no error may reach."""
    browser, variable, usual = ENGINES[request.param]
    named = os.environ.get(variable) or usual
    found = shutil.which(named)
    assert found, f"no {request.param} at {named}; run: .ci/need {request.param}"
    opened = browser(found)
    try:
        opened.url = shared_server.url
        yield opened
        assert not opened.faults()
    finally:
        opened.close()
