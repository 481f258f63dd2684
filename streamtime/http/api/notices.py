"""/api/v1/me/notices: what has happened that the caller wants to know."""

import msgspec
from litestar import delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody

from streamtime.auth.access import Caller
from streamtime.auth.notices import NoticeKind
from streamtime.formatting import time_iso
from streamtime.http.notice_texts import notice_text
from streamtime.http.problems import problems
from streamtime.http.requests import Cursor, Limit, account_id
from streamtime.http.services import NoticeServices
from streamtime.videos.notice_list import Notice

BASE_PATH = "/api/v1/me/notices"


class NoticeItem(msgspec.Struct):
    """A notice. `advice` says what to do, or why; `page` is the path of the page about it.

    `video`, `playlist` and `person` are the ids of its subjects, as far as it has them.
    """

    id: str
    kind: NoticeKind
    text: str
    advice: str
    page: str
    video: str | None
    playlist: str | None
    person: str | None
    created_at: str
    read: bool


class NoticeListBody(msgspec.Struct):
    """A page of notices, the newest first, and the number of unread ones on all pages."""

    items: list[NoticeItem]
    unread: int
    next: str | None


class UnreadBody(msgspec.Struct):
    """The number of unread notices."""

    unread: int


class MutedKinds(msgspec.Struct, forbid_unknown_fields=True):
    """The kinds of notices that are turned off."""

    muted: list[NoticeKind]


@get(BASE_PATH, responses=problems(401), tags=["notices"], summary="List your notices")
async def list_notices(
    caller: NamedDependency[Caller],
    notices: NamedDependency[NoticeServices],
    limit: Limit = 24,
    cursor: Cursor = "",
) -> NoticeListBody:
    """Notices are kept for 90 days, at most 200. Those of what you may no longer see are left out."""
    account_id(caller)
    page = await notices.listing.page(caller, limit=limit, cursor=cursor)
    unread = await notices.listing.unread(caller)
    return NoticeListBody([_item(each) for each in page.items], unread, page.next)


@get(BASE_PATH + "/unread", responses=problems(401), tags=["notices"], summary="Count your unread notices")
async def count_unread(caller: NamedDependency[Caller], notices: NamedDependency[NoticeServices]) -> UnreadBody:
    """The event `notices` of /api/v1/events tells when the number changes."""
    account_id(caller)
    return UnreadBody(await notices.listing.unread(caller))


@get(BASE_PATH + "/muted", responses=problems(401), tags=["notices"], summary="Get the kinds that are turned off")
async def get_muted(caller: NamedDependency[Caller], notices: NamedDependency[NoticeServices]) -> MutedKinds:
    """All kinds are on for a new account."""
    return MutedKinds(sorted(await notices.notices.muted(account_id(caller))))


@put(BASE_PATH + "/muted", responses=problems(401, 403, 413), tags=["notices"], summary="Turn kinds off")
async def put_muted(
    data: JSONBody[MutedKinds], caller: NamedDependency[Caller], notices: NamedDependency[NoticeServices]
) -> MutedKinds:
    """Replaces the list: kinds that are not in it are on. Notices that are there already stay."""
    user_id = account_id(caller)
    await notices.notices.set_muted(user_id, data.muted)
    return MutedKinds(sorted(await notices.notices.muted(user_id)))


@post(
    BASE_PATH + "/read",
    status_code=204,
    responses=problems(401, 403),
    tags=["notices"],
    summary="Mark all your notices as read",
)
async def read_all(caller: NamedDependency[Caller], notices: NamedDependency[NoticeServices]) -> None:
    """They stay in the list."""
    await notices.notices.mark_all_read(account_id(caller))


@post(
    BASE_PATH + "/{notice:str}/read",
    status_code=204,
    responses=problems(401, 403, 404),
    tags=["notices"],
    summary="Mark a notice as read",
)
async def read_one(
    notice: FromPath[str], caller: NamedDependency[Caller], notices: NamedDependency[NoticeServices]
) -> None:
    """One that is read already stays so."""
    await notices.notices.mark_read(account_id(caller), notice)


@delete(BASE_PATH + "/{notice:str}", responses=problems(401, 403, 404), tags=["notices"], summary="Delete a notice")
async def remove_notice(
    notice: FromPath[str], caller: NamedDependency[Caller], notices: NamedDependency[NoticeServices]
) -> None:
    """Its subject stays."""
    await notices.notices.delete(account_id(caller), notice)


def _item(notice: Notice) -> NoticeItem:
    said = notice_text(notice)
    return NoticeItem(
        id=notice.public_id,
        kind=notice.kind,
        text=said.text,
        advice=said.advice,
        page=said.href,
        video=notice.video.public_id if notice.video else None,
        playlist=notice.playlist.public_id if notice.playlist else None,
        person=notice.person.public_id if notice.person else None,
        created_at=time_iso(notice.created_at_ms),
        read=notice.read,
    )
