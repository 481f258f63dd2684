"""Renders templates. Every page knows who looks at it, where they are, and the token of their forms."""

import gettext
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Request
from litestar.datastructures import State
from litestar.response import Response

from streamtime.auth.access import Caller, Role
from streamtime.http.assets import WebFiles
from streamtime.http.middleware.authentication import csrf_token
from streamtime.http.views.videos import owner_href, picture_href

HTML = "text/html; charset=utf-8"


@dataclass(frozen=True, slots=True)
class CallerView:
    """Who is signed in, for the frame of a page."""

    name: str
    href: str
    picture: str | None
    is_admin: bool
    has_videos: bool
    """False for a viewer, who only watches."""


@dataclass(frozen=True, slots=True)
class PageFrame:
    """What stands around a page's own content."""

    title: str
    nav: str
    caller: CallerView | None
    csrf_token: str
    path: str


class Templates:
    """The templates of the front end, compiled once."""

    def __init__(self, files: WebFiles) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(files.templates),
            autoescape=True,
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals["asset"] = files.url
        translations = gettext.NullTranslations()
        self._environment.install_gettext_translations(translations, newstyle=True)  # type: ignore[attr-defined]

    def render(self, template: str, **context: object) -> str:
        """The text of a template."""
        return self._environment.get_template(template).render(**context)

    def page(
        self, request: Request[Any, Any, State], template: str, *, title: str, nav: str = "", status: int = 200,
        player: bool = False, confidential: bool = False, **context: object,
    ) -> Response[str]:  # fmt: skip
        """A page or fragment as an answer. What depends on who looks is never kept by a cache.

        A page with the player says so by `player`: all others have a stricter policy, under which it would not work.
        A page that tells a secret (an address or a code that lets somebody in) says so by `confidential`, and is not
        compressed: its length would tell something of it to whoever can put words of theirs beside it (BREACH).
        """
        content = self.render(template, page=frame(request, title=title, nav=nav), **context)
        if player:
            request.scope["shows_player"]()  # type: ignore[typeddict-item]  # put there by the doorway
        keep_uncompressed = request.scope.get("keep_uncompressed")  # put there by the compression, for GET
        if confidential and callable(keep_uncompressed):
            keep_uncompressed()
        headers = {"Cache-Control": "no-store", "Vary": "Cookie, HX-Request"}
        return Response(content, media_type=HTML, status_code=status, headers=headers)


def frame(request: Request[Any, Any, State], *, title: str = "", nav: str = "") -> PageFrame:
    """What stands around the content of the page that `request` asks for."""
    caller: Caller = request.scope["caller"]  # type: ignore[typeddict-item]  # put there by the doorway
    session: str = request.scope.get("session_cookie", "")  # type: ignore[assignment]  # likewise
    query = request.url.query
    view = _caller_view(caller) if caller.signed_in else None
    return PageFrame(
        title=title,
        nav=nav,
        caller=view,
        csrf_token=csrf_token(session),
        path=request.url.path + (f"?{query}" if query else ""),
    )


def _caller_view(caller: Caller) -> CallerView:
    return CallerView(
        name=caller.shown_name,
        href=owner_href(caller.name),
        picture=picture_href(caller.public_id, caller.picture_version),
        is_admin=caller.is_admin,
        has_videos=caller.role is not Role.VIEWER,
    )
