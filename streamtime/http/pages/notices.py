"""The caller's notices: a page, the panel under the bell of every page, and the switches of their kinds."""

from dataclasses import dataclass
from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Response

from streamtime.auth.access import Caller
from streamtime.auth.notices import ADMIN_KINDS, NoticeKind
from streamtime.clock import Clock
from streamtime.formatting import age_text, time_iso
from streamtime.http.notice_texts import KIND_NAMES, notice_text
from streamtime.http.pages.library import next_href
from streamtime.http.requests import Cursor, PageRequest, account_id, wants_fragment
from streamtime.http.services import NoticeServices
from streamtime.http.templates import Templates
from streamtime.translation import gettext
from streamtime.videos.notice_list import Notice

BASE_PATH = "/notices"
SETTINGS_PATH = "/settings/notices"
PANEL_LIMIT = 8
PAGE_LIMIT = 24

ICONS = {
    NoticeKind.VIDEO_READY: "check",
    NoticeKind.VIDEO_FAILED: "alert",
    NoticeKind.SHARED: "share",
    NoticeKind.NEW_VIDEO: "film",
    NoticeKind.INVITE_USED: "person",
    NoticeKind.REGISTRATION_WAITING: "person",
    NoticeKind.DISK_LOW: "space",
    NoticeKind.BACKUP_FAILED: "storage",
}


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A notice in a list."""

    id: str
    icon: str
    text: str
    advice: str
    href: str
    since_text: str
    since_iso: str
    read: bool


@dataclass(frozen=True, slots=True)
class KindSwitch:
    """The switch of a kind."""

    kind: str
    name: str
    on: bool


@get(BASE_PATH, include_in_schema=False)
async def notices_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    notices: NamedDependency[NoticeServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    cursor: Cursor = "",
) -> Response[str]:
    """Show all notices, the newest first."""
    user_id = account_id(caller)
    page = await notices.listing.page(caller, limit=PAGE_LIMIT, cursor=cursor)
    unread = await notices.listing.unread(caller)
    notices.notices.set_unread_count(user_id, unread)
    return templates.page(
        request,
        "fragments/notices.html" if wants_fragment(request) else "pages/notices.html",
        title=gettext("Notices"),
        nav="notices",
        notices=[_view(each, clock.now_ms()) for each in page.items],
        next_href=next_href(request, page),
    )


@get(BASE_PATH + "/panel", include_in_schema=False)
async def notices_panel(
    request: PageRequest,
    caller: NamedDependency[Caller],
    notices: NamedDependency[NoticeServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the newest notices: the panel under the bell."""
    account_id(caller)
    return await _panel(request, caller, notices, clock, templates)


@post(BASE_PATH + "/read", include_in_schema=False)
async def read_notices(
    request: PageRequest,
    caller: NamedDependency[Caller],
    notices: NamedDependency[NoticeServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Mark all notices as read, and show the panel or the page again."""
    await notices.notices.mark_all_read(account_id(caller))
    if wants_fragment(request):
        return await _panel(request, caller, notices, clock, templates)
    return Redirect(BASE_PATH, status_code=303)


@get(SETTINGS_PATH, include_in_schema=False)
async def notice_settings_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    notices: NamedDependency[NoticeServices],
    templates: NamedDependency[Templates],
    done: FromQuery[bool] = False,
) -> Response[str]:
    """Show the switches of the kinds; `done`: they have just been changed."""
    muted = await notices.notices.muted(account_id(caller))
    return templates.page(
        request,
        "pages/notice-settings.html",
        title=gettext("Notices"),
        nav="settings",
        switches=_switches(caller, muted),
        done=done,
    )


@post(SETTINGS_PATH, include_in_schema=False)
async def set_notice_kinds(
    request: PageRequest, caller: NamedDependency[Caller], notices: NamedDependency[NoticeServices]
) -> Redirect:
    """Turn kinds on and off: the field `kind`, repeated, has those that are on."""
    user_id = account_id(caller)
    chosen = set((await request.form()).getall("kind", []))
    offered = {NoticeKind(switch.kind) for switch in _switches(caller, frozenset())}
    muted = await notices.notices.muted(user_id) - offered
    off = {kind for kind in offered if kind.value not in chosen}
    await notices.notices.set_muted(user_id, muted | off)
    return Redirect(SETTINGS_PATH, query_params={"done": "true"}, status_code=303)


@post(BASE_PATH + "/{notice:str}/read", include_in_schema=False)
async def read_notice(
    request: PageRequest,
    notice: FromPath[str],
    caller: NamedDependency[Caller],
    notices: NamedDependency[NoticeServices],
) -> Response[Any]:
    """Mark a notice as read; a script does so when its link is followed."""
    await notices.notices.mark_read(account_id(caller), notice)
    return _done(request)


@post(BASE_PATH + "/{notice:str}/delete", include_in_schema=False)
async def delete_notice(
    request: PageRequest,
    notice: FromPath[str],
    caller: NamedDependency[Caller],
    notices: NamedDependency[NoticeServices],
) -> Response[Any]:
    """Delete a notice."""
    await notices.notices.delete(account_id(caller), notice)
    return _done(request)


async def _panel(
    request: PageRequest, caller: Caller, notices: NoticeServices, clock: Clock, templates: Templates
) -> Response[str]:
    page = await notices.listing.page(caller, limit=PANEL_LIMIT)
    views = [_view(each, clock.now_ms()) for each in page.items]
    return templates.page(request, "fragments/notice-panel.html", title="", notices=views)


def _done(request: PageRequest) -> Response[Any]:
    """Answer a script with nothing, and others with the page."""
    return Response("", status_code=200) if wants_fragment(request) else Redirect(BASE_PATH, status_code=303)


def _switches(caller: Caller, muted: frozenset[NoticeKind]) -> list[KindSwitch]:
    offered = [kind for kind in NoticeKind if caller.is_admin or kind not in ADMIN_KINDS]
    return [KindSwitch(kind.value, gettext(KIND_NAMES[kind]), kind not in muted) for kind in offered]


def _view(notice: Notice, now_ms: int) -> NoticeView:
    said = notice_text(notice)
    return NoticeView(
        id=notice.public_id,
        icon=ICONS[notice.kind],
        text=said.text,
        advice=said.advice,
        href=said.href,
        since_text=age_text(notice.created_at_ms, now_ms),
        since_iso=time_iso(notice.created_at_ms),
        read=notice.read,
    )
