"""Sharing with people and groups: the page of a video and of a playlist, names to choose from, and Shared with me."""

from dataclasses import dataclass
from typing import Annotated, Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Redirect, Response

from streamtime.auth.access import Access, Caller
from streamtime.auth.audit import Actor
from streamtime.auth.groups import Group
from streamtime.clock import Clock
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.http.grantees import find_grantee, grantee_kind, people_like
from streamtime.http.pages.library import current_video_card, next_href, watches_of
from streamtime.http.requests import Cursor, Form, PageRequest, account_id, read_form, wants_fragment
from streamtime.http.services import AccountServices, PlaylistServices, SharingServices, VideoServices
from streamtime.http.templates import Templates
from streamtime.http.video_urls import owner_href, picture_href, playlist_href, watch_href
from streamtime.http.views.playlists import playlist_view
from streamtime.translation import gettext
from streamtime.videos.grants import Grant, GranteeKind, Subject
from streamtime.videos.listing import PAGE_SIZE
from streamtime.videos.video import Video

SHOWN_PLAYLISTS = 12
_NEW: Form = {"person": "", "errors": {}}


@dataclass(frozen=True, slots=True)
class GrantView:
    """Somebody that a video or playlist is shared with."""

    kind: str
    key: str
    text: str
    href: str | None
    picture: str | None
    members: int
    with_videos: bool


@get("/watch/{video:str}/people", include_in_schema=False)
async def video_people(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    videos: NamedDependency[VideoServices],
    sharing: NamedDependency[SharingServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show who a video is shared with, and the forms that change it."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    return await _page(request, found, caller, accounts, sharing, templates, _NEW)


@post("/watch/{video:str}/people", include_in_schema=False)
async def share_video(
    request: PageRequest,
    video: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    videos: NamedDependency[VideoServices],
    sharing: NamedDependency[SharingServices],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Share a video with a person or group, or stop; or show the page again with the error."""
    found = await videos.repository.require(caller, video, Access.MANAGE)
    return await _change(request, found, caller, actor, accounts, sharing, templates)


@get("/playlists/{playlist:str}/people", include_in_schema=False)
async def playlist_people(
    request: PageRequest,
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    playlists: NamedDependency[PlaylistServices],
    sharing: NamedDependency[SharingServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show who a playlist is shared with, and the forms that change it."""
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    return await _page(request, found, caller, accounts, sharing, templates, _NEW)


@post("/playlists/{playlist:str}/people", include_in_schema=False)
async def share_playlist(
    request: PageRequest,
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    playlists: NamedDependency[PlaylistServices],
    sharing: NamedDependency[SharingServices],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Share a playlist with a person or group, or stop; or show the page again with the error."""
    found = await playlists.repository.require(caller, playlist, Access.MANAGE)
    return await _change(request, found, caller, actor, accounts, sharing, templates)


@get("/people-names", include_in_schema=False)
async def people_names(
    request: PageRequest,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    templates: NamedDependency[Templates],
    person: Annotated[str, QueryParameter(max_length=100)] = "",
) -> Response[str]:
    """Return the names to choose from while somebody types `person`."""
    found = await people_like(person, caller, accounts)
    return templates.page(request, "fragments/people-names.html", title="", people=found)


@get("/shared", include_in_schema=False)
async def shared_with_me(
    request: PageRequest,
    caller: NamedDependency[Caller],
    videos: NamedDependency[VideoServices],
    playlists: NamedDependency[PlaylistServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    cursor: Cursor = "",
) -> Response[str]:
    """Show the videos and playlists that are shared with the caller, the last shared first."""
    account_id(caller)
    page = await videos.shared.page(caller, limit=PAGE_SIZE, cursor=cursor)
    watches = await watches_of(caller, page.items, videos)
    lists = [] if cursor else (await playlists.repository.page(caller, shared=True, limit=SHOWN_PLAYLISTS)).items
    return templates.page(
        request,
        "fragments/cards.html" if wants_fragment(request) else "pages/shared-with-me.html",
        title=gettext("Shared with you"),
        nav="shared",
        cards=[current_video_card(each, caller, videos, clock, watches.get(each.id)) for each in page.items],
        next_href=next_href(request, page),
        lean="menu",
        playlists=[playlist_view(each, caller, clock.now_ms()) for each in lists],
    )


async def _change(
    request: PageRequest,
    subject: Subject,
    caller: Caller,
    actor: Actor,
    accounts: AccountServices,
    sharing: SharingServices,
    templates: Templates,
) -> Response[Any]:
    fields = await read_form(request, "person", "group", "remove", "with_videos")
    try:
        if fields["remove"]:
            kind, _, key = fields["remove"].partition(":")
            await sharing.grants.remove(subject, grantee_kind(kind), key, actor)
        else:
            kind, key = (
                (GranteeKind.GROUP, fields["group"])
                if fields["group"]
                else (GranteeKind.PERSON, fields["person"].strip())
            )
            if not key:
                raise Invalid("Choose a person or a group.", field="person")  # noqa: TRY301  # shown with the form
            grantee = await find_grantee(kind, key, caller, accounts, sharing)
            await sharing.grants.add(subject, grantee, actor, with_videos=fields["with_videos"] == "yes")
    except (Invalid, Conflict, NotFound) as error:
        if isinstance(error, NotFound) and fields["remove"]:
            raise
        form: Form = {**fields, "errors": {"person": error.message}}
        return await _page(request, subject, caller, accounts, sharing, templates, form)
    return Redirect(f"{_href(subject)}/people", status_code=303)


async def _page(
    request: PageRequest,
    subject: Subject,
    caller: Caller,
    accounts: AccountServices,
    sharing: SharingServices,
    templates: Templates,
    form: Form,
) -> Response[str]:
    groups: list[Group] = await sharing.groups.list_for_owner(account_id(caller))
    granted = [_view(each) for each in await sharing.grants.list(subject)]
    there = {each.key for each in granted}
    # An answer to htmx with another status is not shown.
    failed = form["errors"] and not wants_fragment(request)
    return templates.page(
        request,
        "pages/grants.html",
        confidential=True,
        title=gettext("People and groups"),
        status=400 if failed else 200,
        subject_title=subject.title,
        is_playlist=not isinstance(subject, Video),
        href=_href(subject),
        granted=granted,
        groups=[each for each in groups if each.public_id not in there],
        has_groups=bool(groups),
        people=[each for each in await people_like("", caller, accounts) if each.name not in there],
        form=form,
    )


def _href(subject: Subject) -> str:
    return watch_href(subject) if isinstance(subject, Video) else playlist_href(subject.public_id)


def _view(grant: Grant) -> GrantView:
    person = grant.kind is GranteeKind.PERSON
    return GrantView(
        kind=grant.kind.value,
        key=grant.key,
        text=grant.text,
        href=owner_href(grant.key) if person else None,
        picture=picture_href(grant.public_id, grant.picture_version) if person else None,
        members=grant.members,
        with_videos=grant.with_videos,
    )
