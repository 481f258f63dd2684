"""Renders templates. Every page gets the caller, the current path and the CSRF token."""

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from jinja2.ext import Extension
from litestar import Request
from litestar.datastructures import State
from litestar.response import Response

from streamtime.auth.access import Caller, Role
from streamtime.auth.preferences import Preferences
from streamtime.http.assets import WebFiles
from streamtime.http.language import Languages
from streamtime.http.middleware.authentication import csrf_token
from streamtime.http.video_urls import owner_href, picture_href
from streamtime.translation import Language, current_language, gettext

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class CallerView:
    """The signed-in user, as the page header shows them."""

    name: str
    href: str
    picture: str | None
    is_admin: bool
    has_videos: bool
    """False for a viewer."""
    preferences: Preferences


@dataclass(frozen=True, slots=True)
class PageFrame:
    """Values for the base template around a page's content."""

    title: str
    nav: str
    caller: CallerView | None
    csrf_token: str
    path: str
    language: Language
    unread: int = 0
    """The caller's unread notices."""


class ShortIndentation(Extension):
    """Shortens the indentation of template sources to one space, which may separate words after a block tag.

    It is a twentieth of a page's bytes. Inserted values stay as they are.
    """

    def preprocess(self, source: str, name: str | None, filename: str | None = None) -> str:  # noqa: ARG002  # Jinja's
        """Return the source of a template with one space at the beginning of indented lines."""
        return _INDENTATION.sub(" ", source)


_INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)


HUES = 12
"""Classes in `hues.css`. The policy of pages forbids colours in attributes."""


def hue_class(name: str) -> str:
    """Return the class of the colour of a person or a tag: always the same for one name, in any case."""
    return f"hue-{zlib.crc32(name.casefold().encode()) % HUES}"


class Templates:
    """The front end's templates. Each is compiled once."""

    def __init__(self, files: WebFiles, languages: Languages, unread_count: Callable[[int], int] = lambda _: 0) -> None:
        self._unread_count = unread_count
        self._environment = Environment(
            loader=FileSystemLoader(files.templates),
            autoescape=True,
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n", ShortIndentation],
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(asset=files.url, offered_languages=languages.offered, hue=hue_class)
        self._environment.filters["translated"] = gettext  # of a value that is no literal: it is escaped
        # New style: a translated text is markup only after the inserted values are escaped.
        self._environment.install_gettext_callables(_translated, _translated_plural, newstyle=True)  # type: ignore[attr-defined]  # of the extension

    def render(self, template: str, **context: object) -> str:
        """Render a template to text."""
        return self._environment.get_template(template).render(**context)

    def page(
        self, request: Request[Any, Any, State], template: str, *, title: str, nav: str = "", status: int = 200,
        player: bool = False, confidential: bool = False, **context: object,
    ) -> Response[str]:  # fmt: skip
        """Return a page or fragment as a response that no cache stores.

        `player`: the page contains the player, which needs a less strict content security policy. `confidential`: the
        page contains a secret (a link or code that grants access), so it is not compressed; its compressed length would
        leak the secret to an attacker who can inject text into the page (BREACH).
        """
        caller: Caller = request.scope["caller"]  # type: ignore[typeddict-item]  # set by RequestMiddleware
        unread = 0 if caller.user_id is None else self._unread_count(caller.user_id)
        content = self.render(template, page=replace(frame(request, title=title, nav=nav), unread=unread), **context)
        if player:
            request.scope["shows_player"]()  # type: ignore[typeddict-item]  # set by RequestMiddleware
        keep_uncompressed = request.scope.get("keep_uncompressed")  # set by CompressionMiddleware for GET
        if confidential and callable(keep_uncompressed):
            keep_uncompressed()
        headers = {"Cache-Control": "no-store", "Vary": "Cookie, HX-Request, Accept-Language"}
        return Response(content, media_type=HTML, status_code=status, headers=headers)


def frame(request: Request[Any, Any, State], *, title: str = "", nav: str = "") -> PageFrame:
    """Return the values for the base template of the requested page."""
    caller: Caller = request.scope["caller"]  # type: ignore[typeddict-item]  # set by RequestMiddleware
    session: str = request.scope.get("session_cookie", "")  # type: ignore[assignment]  # the same
    query = request.url.query
    view = _caller_view(caller) if caller.signed_in else None
    return PageFrame(
        title=title,
        nav=nav,
        caller=view,
        csrf_token=csrf_token(session),
        path=request.url.path + (f"?{query}" if query else ""),
        language=current_language(),
    )


def _translated(message: str) -> str:
    return current_language().catalogue.gettext(message)


def _translated_plural(singular: str, plural: str, number: int) -> str:
    return current_language().catalogue.ngettext(singular, plural, number)


def _caller_view(caller: Caller) -> CallerView:
    return CallerView(
        name=caller.shown_name,
        href=owner_href(caller.name),
        picture=picture_href(caller.public_id, caller.picture_version),
        is_admin=caller.is_admin,
        has_videos=caller.role is not Role.VIEWER,
        preferences=caller.preferences,
    )
