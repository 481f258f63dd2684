"""The language of a request: the preference of the caller, the cookie, `Accept-Language`, English.

The API is English: its texts are for programs.
"""

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from streamtime.http.assets import WebFiles
from streamtime.translation import ENGLISH, Language, read_language, set_language

COOKIE_NAME = "streamtime_language"

_FOR_PROGRAMS = ("/api/v1/", "/api/openapi", "/assets/")
_TEST_TAGS = frozenset({"en-XA", "ar-XB"})
"""Made-up languages with longer texts, one of them right to left. A cookie selects them; nothing offers them."""


class Languages:
    """The languages with a compiled catalogue, and English."""

    def __init__(self, files: WebFiles) -> None:
        found = [read_language(path.stem, path) for path in sorted((files.dist / "languages").glob("*.mo"))]
        self._by_tag = {language.tag: language for language in [ENGLISH, *found]}
        self.offered = [language for tag, language in self._by_tag.items() if tag not in _TEST_TAGS]
        """Those to choose from."""

    def of(self, scope: dict[str, Any]) -> Language:
        """Return the language of the request for a page."""
        cookie = accepted = b""
        for name, value in scope["headers"]:
            if name == b"cookie":
                cookie = value
            elif name == b"accept-language":
                accepted = value
        preference = scope["caller"].preferences.page_language
        chosen = self._by_tag.get(preference) or self._by_tag.get(_cookie(cookie))
        return chosen or self._accepted(accepted.decode("latin-1"))

    def is_offered(self, tag: str) -> bool:
        """Whether a tag is one to choose from."""
        return any(language.tag == tag for language in self.offered)

    def _accepted(self, header: str) -> Language:
        """Return the first language of the header that is offered (RFC 9110, section 12.5.4; RFC 4647, section 3.4)."""
        for wanted in _by_weight(header):
            parts = wanted.split("-")
            for length in range(len(parts), 0, -1):
                tag = "-".join(parts[:length])
                found = next((each for each in self.offered if each.tag.lower() == tag), None)
                if found is not None:
                    return found
        return ENGLISH


Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class LanguageMiddleware:
    """Runs the wrapped application in the language of each request. The scope already has its caller."""

    def __init__(self, app: App, languages: Languages) -> None:
        self._app = app
        self._languages = languages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] == "http":
            for_program = scope["path"].startswith(_FOR_PROGRAMS)
            set_language(ENGLISH if for_program else self._languages.of(scope))
        await self._app(scope, receive, send)


def _cookie(header: bytes) -> str:
    for pair in header.decode("latin-1").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE_NAME:
            return value
    return ""


def _by_weight(header: str) -> Iterator[str]:
    """Yield the language ranges of a header in lower case, preferred first; without those of weight 0."""
    weighted = []
    for item in header.split(","):
        tag, _, rest = item.strip().lower().partition(";")
        try:
            weight = float(rest.strip().removeprefix("q=")) if rest else 1.0
        except ValueError:
            weight = 0.0
        if tag and weight > 0:
            weighted.append((-weight, tag))
    for _, tag in sorted(weighted, key=lambda each: each[0]):
        yield tag
