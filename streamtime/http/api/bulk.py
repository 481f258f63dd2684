"""/api/v1/videos/bulk: change many videos with one request, or count those of a filter."""

from typing import Annotated

import msgspec
from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response import Stream

from streamtime.auth.access import Access, Caller, Visibility
from streamtime.auth.audit import Actor
from streamtime.errors import Invalid
from streamtime.http.api.filters import FilterBody
from streamtime.http.api.operations import ZipAnswer
from streamtime.http.grantees import find_grantee
from streamtime.http.problems import problems
from streamtime.http.requests import Text, account_id
from streamtime.http.services import (
    AccountServices,
    LibraryServices,
    PlaybackServices,
    PlaylistServices,
    SharingServices,
)
from streamtime.http.video_archive import MAX_FILES, archive_of
from streamtime.ids import public_id
from streamtime.videos.bulk import MAX_COUNT, MAX_VIDEOS, BulkAction, BulkChange, Outcome, Selection, VideoOutcome
from streamtime.videos.grants import GranteeKind
from streamtime.videos.listing import Filters, Query, Sort

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
BatchId = Annotated[str, msgspec.Meta(pattern="^[A-Za-z0-9]{1,64}$")]


class BulkRequest(msgspec.Struct, forbid_unknown_fields=True):
    """An action on the videos with the ids in `videos`, on those of a `batch` in the trash, or of a `filter`.

    The filter finds the caller's own videos, in the order `sort`; an empty one finds all of them. `cursor` is the
    `next` of the answer before. `visibility`, `tags` and `playlist` belong to the actions of that name; `share` needs
    the name of a `person` or the id of a `group`.
    """

    action: BulkAction
    videos: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=MAX_VIDEOS)] | None = None
    filter: FilterBody | None = None
    batch: BatchId | None = None
    """With `delete`: the batch that the videos are added to. With `restore`: the batch to restore."""
    sort: Sort = Sort.NEW
    cursor: Annotated[str, msgspec.Meta(max_length=2_000)] = ""
    visibility: Visibility | None = None
    tags: Annotated[list[Annotated[str, msgspec.Meta(max_length=200)]], msgspec.Meta(max_length=100)] = []
    playlist: Id | None = None
    person: Id | None = None
    group: Id | None = None


class OutcomeBody(msgspec.Struct):
    """What became of one video. For a refused one `code` and `detail` say why."""

    id: str
    outcome: Outcome
    code: str | None
    detail: str | None


class DownloadRequest(msgspec.Struct, forbid_unknown_fields=True):
    """The ids of the videos, in the order of the archive."""

    videos: Annotated[list[Id], msgspec.Meta(min_length=1, max_length=MAX_FILES)]


class BulkAnswer(msgspec.Struct):
    """What became of each video, and how many of each there are.

    `next` is the cursor for the next request of the series, null after the last. `batch` names the videos that were
    deleted together: `restore` with it undoes the whole series. Pass it on with `next`.
    """

    items: list[OutcomeBody]
    done: int
    unchanged: int
    refused: int
    not_found: int
    next: str | None
    batch: str | None


class CountBody(msgspec.Struct):
    """How many videos a filter finds; `more` if there are more than that."""

    count: int
    more: bool


@get("/api/v1/videos/bulk", responses=problems(401), tags=["library"], summary="Count your videos of a filter")
async def count_videos(
    caller: NamedDependency[Caller],
    library: NamedDependency[LibraryServices],
    filters: NamedDependency[Filters],
    q: Text = "",
) -> CountBody:
    """How many of the caller's own videos an action on this filter would concern; at most 10,000 are counted."""
    account_id(caller)
    count = await library.bulk.count(caller, Query(q=q, filters=filters))
    return CountBody(min(count, MAX_COUNT), count > MAX_COUNT)


@post(
    "/api/v1/videos/bulk",
    status_code=200,
    responses=problems(401, 403, 404, 413),
    tags=["library"],
    summary="Change many videos",
)
async def change_videos(
    data: JSONBody[BulkRequest],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    library: NamedDependency[LibraryServices],
    playlists: NamedDependency[PlaylistServices],
    accounts: NamedDependency[AccountServices],
    sharing: NamedDependency[SharingServices],
) -> BulkAnswer:
    """Change up to 200 videos; those of a filter in a series of requests, each with the `next` of the one before.

    Each video is changed or not for itself. One that the caller may not manage is `not_found`; one that is as it should
    be already is `unchanged`, so a request can be repeated. Videos uploaded after the first request of a series are
    left alone.
    """
    account_id(caller)
    if sum(each is not None for each in (data.videos, data.filter)) + _names_batch(data) != 1:
        raise Invalid("Name videos, or a filter, or a batch to restore.", field="videos")
    playlist = None
    if data.action is BulkAction.ADD_TO_PLAYLIST and data.playlist is not None:
        playlist = await playlists.repository.require(caller, data.playlist, Access.MANAGE)
    deletes = data.action is BulkAction.DELETE
    batch = (data.batch or public_id()) if deletes else None
    grantee = None
    if data.action is BulkAction.SHARE and (data.person or data.group):
        kind = GranteeKind.PERSON if data.person else GranteeKind.GROUP
        grantee = await find_grantee(kind, data.person or data.group or "", caller, accounts, sharing)
    change = BulkChange(
        action=data.action,
        visibility=data.visibility,
        tags=tuple(data.tags),
        playlist=playlist,
        grantee=grantee,
        batch=batch,
    )
    given = data.filter or FilterBody()
    query = Query(q=given.q, filters=given.filters, sort=data.sort, cursor=data.cursor)
    selection = Selection(ids=data.videos or (), batch="" if deletes else data.batch or "", query=query)
    result = await library.bulk.run(caller, selection, change, actor)
    counts = {each: sum(one.outcome is each for one in result.outcomes) for each in Outcome}
    return BulkAnswer(
        items=[_outcome(one) for one in result.outcomes],
        done=counts[Outcome.DONE],
        unchanged=counts[Outcome.UNCHANGED],
        refused=counts[Outcome.REFUSED],
        not_found=counts[Outcome.NOT_FOUND],
        next=result.next,
        batch=batch,
    )


@post(
    "/api/v1/videos/download",
    status_code=200,
    responses=problems(401, 403, 404, 409, 413),
    operation_class=ZipAnswer,
    tags=["library"],
    summary="Download the originals of many videos",
)
async def download_videos(
    data: JSONBody[DownloadRequest],
    caller: NamedDependency[Caller],
    library: NamedDependency[LibraryServices],
    playback: NamedDependency[PlaybackServices],
) -> Stream:
    """One ZIP archive of known length, not compressed, of up to 100 originals of videos that the caller may manage.

    Videos whose original was not kept are named in a text file in it. It has no ranges.
    """
    account_id(caller)
    found = await library.bulk.find(caller, Selection(ids=data.videos), limit=MAX_FILES)
    return await archive_of(found, caller, playback)


def _names_batch(data: BulkRequest) -> bool:
    return data.batch is not None and data.action is BulkAction.RESTORE


def _outcome(one: VideoOutcome) -> OutcomeBody:
    code, detail = (None, None) if one.error is None else (one.error.code, one.error.message)
    return OutcomeBody(one.public_id, one.outcome, code, detail)
