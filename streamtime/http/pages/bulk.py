"""Change many videos of the library: the form of its page. With script the page uses the API instead."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from litestar import post
from litestar.di import NamedDependency
from litestar.response import Redirect, Response, Stream

from streamtime.auth.access import Access, Caller
from streamtime.auth.audit import Actor
from streamtime.errors import Conflict, Invalid
from streamtime.http.grantees import find_grantee, people_like
from streamtime.http.library_filter import VISIBILITIES, LibraryFilter
from streamtime.http.requests import PageRequest, read_form, require_uploader
from streamtime.http.services import (
    AccountServices,
    LibraryServices,
    PlaybackServices,
    PlaylistServices,
    SharingServices,
    VideoServices,
)
from streamtime.http.templates import Templates
from streamtime.http.video_archive import MAX_FILES, archive_of
from streamtime.http.views.bulk import result_query
from streamtime.ids import public_id
from streamtime.translation import gettext, number_text
from streamtime.videos.bulk import MAX_VIDEOS, BulkAction, BulkChange, Selection, VideoOutcome
from streamtime.videos.grants import Grantee, GranteeKind
from streamtime.videos.playlists import Playlist, PlaylistEdit

MAX_FORM_VIDEOS = 2_000
"""Videos that one form changes: some ten seconds. The page says if there are more."""

_CHOICES = ("visibility", "tags", "playlist", "new_playlist", "person", "group")
_FIELDS = ("action", "filter", "all", *_CHOICES, "batch", "sure")


@post("/library/bulk", include_in_schema=False)
async def change_many(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    videos: NamedDependency[VideoServices],
    library: NamedDependency[LibraryServices],
    playlists: NamedDependency[PlaylistServices],
    accounts: NamedDependency[AccountServices],
    sharing: NamedDependency[SharingServices],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Change the videos in `videos`, `all` of the filter, or those of a `batch` in the trash; then show the library.

    Where there is no trash, deleting is confirmed first.
    """
    require_uploader(caller)
    fields, ids = await read_form(request, *_FIELDS), await _ids(request)
    action = next((each for each in BulkAction if each.value == fields["action"]), None)
    if action is None:
        raise Invalid("Choose what to do.", field="action")
    restores = action is BulkAction.RESTORE
    if not (ids or fields["all"] or (restores and fields["batch"])):
        raise Invalid("Choose some videos first.", field="videos")
    if action is BulkAction.DELETE and not videos.trash.retention_days and not fields["sure"]:
        again = {**fields, "sure": "yes"}
        title, page = gettext("Delete permanently?"), "pages/bulk-delete.html"
        return templates.page(request, page, title=title, nav="library", fields=again, ids=ids)
    shown = LibraryFilter.parse(fields["filter"])
    selection = Selection(
        ids=() if fields["all"] else ids, batch=fields["batch"] if restores else "", query=shown.query()
    )
    change = await _change(action, fields, caller, playlists)
    if action is BulkAction.SHARE:
        change = replace(change, grantee=await _grantee(fields, caller, accounts, sharing))
    outcomes, left = await _run_all(library, caller, selection, change, actor)
    query = result_query(action, outcomes, change.batch if videos.trash.retention_days else None, left=left)
    return Redirect(f"{shown.href}{'&' if shown.text else '?'}{query}", status_code=303)


@post("/library/share", status_code=200, include_in_schema=False)
async def share_many(
    request: PageRequest,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    sharing: NamedDependency[SharingServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Ask whom to share the videos in `videos`, or `all` of the filter, with."""
    owner_id = require_uploader(caller)
    fields, ids = await read_form(request, "filter", "all"), await _ids(request)
    if not (ids or fields["all"]):
        raise Invalid("Choose some videos first.", field="videos")
    return templates.page(
        request,
        "pages/bulk-share.html",
        title=gettext("People and groups"),
        nav="library",
        fields=fields,
        ids=[] if fields["all"] else ids,
        groups=await sharing.groups.list_for_owner(owner_id),
        people=await people_like("", caller, accounts),
    )


@post("/library/download", include_in_schema=False)
async def download_many(
    request: PageRequest,
    caller: NamedDependency[Caller],
    library: NamedDependency[LibraryServices],
    playback: NamedDependency[PlaybackServices],
) -> Stream:
    """Send the originals of the videos in `videos`, or of `all` of the filter, as one archive."""
    require_uploader(caller)
    fields, ids = await read_form(request, "filter", "all"), await _ids(request)
    if not (ids or fields["all"]):
        raise Invalid("Choose some videos first.", field="videos")
    shown = LibraryFilter.parse(fields["filter"])
    selection = Selection(ids=() if fields["all"] else ids, query=shown.query())
    if fields["all"] and await library.bulk.count(caller, selection.query) > MAX_FILES:
        raise Conflict(
            gettext("At most %(most)s videos can be downloaded at once.", most=number_text(MAX_FILES)),
            code="too_many_files",
        )
    return await archive_of(await library.bulk.find(caller, selection, limit=MAX_FILES), caller, playback)


async def _ids(request: PageRequest) -> list[str]:
    given = (await request.form()).getall("videos", [])
    return [each for each in given if isinstance(each, str) and each][:MAX_FORM_VIDEOS]


async def _change(
    action: BulkAction, fields: dict[str, str], caller: Caller, playlists: PlaylistServices
) -> BulkChange:
    playlist = None
    if action is BulkAction.ADD_TO_PLAYLIST:
        playlist = await _playlist(fields, caller, playlists)
    return BulkChange(
        action=action,
        visibility=VISIBILITIES.get(fields["visibility"]),
        tags=tuple(fields["tags"].split(",")),
        playlist=playlist,
        batch=public_id() if action is BulkAction.DELETE else None,
    )


async def _grantee(
    fields: dict[str, str], caller: Caller, accounts: AccountServices, sharing: SharingServices
) -> Grantee:
    """Return the person who was named, or else the chosen group."""
    person = fields["person"].strip()
    if not (person or fields["group"]):
        raise Invalid("Choose a person or a group.", field="person")
    kind = GranteeKind.PERSON if person else GranteeKind.GROUP
    return await find_grantee(kind, person or fields["group"], caller, accounts, sharing)


async def _playlist(fields: dict[str, str], caller: Caller, playlists: PlaylistServices) -> Playlist:
    """Return the chosen playlist, or a new one with the title that was entered."""
    chosen = fields["playlist"]
    if fields["new_playlist"].strip() and caller.user_id is not None:
        chosen = await playlists.repository.create(caller.user_id, PlaylistEdit(fields["new_playlist"]))
    if not chosen:
        raise Invalid("Choose a playlist, or enter the title of a new one.", field="playlist")
    return await playlists.repository.require(caller, chosen, Access.MANAGE)


async def _run_all(
    library: LibraryServices, caller: Caller, selection: Selection, change: BulkChange, actor: Actor
) -> tuple[list[VideoOutcome], bool]:
    """Return what became of the videos, and whether there are more than one form changes."""
    outcomes: list[VideoOutcome] = []
    series: Sequence[Selection] = [
        Selection(ids=selection.ids[start : start + MAX_VIDEOS]) for start in range(0, len(selection.ids), MAX_VIDEOS)
    ] or [selection]
    for each in series:
        following: Selection | None = each
        while following is not None:
            result = await library.bulk.run(caller, following, change, actor)
            outcomes += result.outcomes
            if result.next is not None and len(outcomes) >= MAX_FORM_VIDEOS:
                return outcomes, True
            following = None if result.next is None else following.after(result.next)
    return outcomes, False
