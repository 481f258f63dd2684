"""The playlist beside the player: a dependency of the watch page, and the list that the page fetches."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from litestar import get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter
from litestar.response import Response

from streamtime.auth.access import Access, Caller
from streamtime.errors import NotFound
from streamtime.formatting import duration_text
from streamtime.http.requests import PageRequest
from streamtime.http.services import PlaylistServices
from streamtime.http.templates import Templates
from streamtime.http.video_urls import playlist_href, poster_url
from streamtime.http.views.playlists import queue_href
from streamtime.ids import shuffle_seed
from streamtime.videos.playlist_items import PlayQueue
from streamtime.videos.playlists import Playlist


@dataclass(frozen=True, slots=True)
class QueueItemView:
    """A video in the queue beside the player."""

    number: int
    href: str
    title: str
    poster_url: str | None
    duration_text: str | None
    owner_name: str
    current: bool


@dataclass(frozen=True, slots=True)
class PlayQueueView:
    """The part of a playlist around the current video."""

    title: str
    href: str
    number: int
    total: int
    items: list[QueueItemView]
    previous_href: str | None
    next: QueueItemView | None
    list_href: str
    shuffled: bool
    in_order_href: str
    shuffle_href: str


async def read_play_queue(
    video: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
    playlist: Annotated[str, QueryParameter(name="list", max_length=64)] = "",
    shuffle: Annotated[str, QueryParameter(max_length=64)] = "",
) -> PlayQueueView | None:
    """Return the playlist in `list` around a video, in the order of the seed `shuffle`, if there is one.

    Returns None if there is no such playlist for the caller or the video is not in it: the video plays alone then.
    """
    if not playlist:
        return None
    try:
        found = await playlists.repository.require(caller, playlist, Access.VIEW)
    except NotFound:
        return None
    queue = await playlists.items.queue(caller, found, video, shuffle)
    return None if queue is None else _play_queue_view(found, queue, shuffle, shuffle_seed())


@get("/playlists/{playlist:str}/queue", include_in_schema=False)
async def queue_list(
    request: PageRequest,
    playlist: FromPath[str],
    caller: NamedDependency[Caller],
    playlists: NamedDependency[PlaylistServices],
    templates: NamedDependency[Templates],
    video: Annotated[str, QueryParameter(max_length=64)],
    shuffle: Annotated[str, QueryParameter(max_length=64)] = "",
) -> Response[str]:
    """Return the list beside the player: the videos around `video`. It would exceed 30 KB of HTML on the page itself.

    Raises:
        NotFound: the caller sees no such playlist, or no such video in it.
    """
    found = await playlists.repository.require(caller, playlist, Access.VIEW)
    queue = await playlists.items.queue(caller, found, video, shuffle)
    if queue is None:
        raise NotFound
    view = _play_queue_view(found, queue, shuffle, shuffle_seed())
    return templates.page(request, "fragments/queue-list.html", title="", queue=view)


def _play_queue_view(playlist: Playlist, queue: PlayQueue, shuffle: str, new_seed: str) -> PlayQueueView:
    """Return the view of a queue. `shuffle` is the seed of its order, if shuffled; `new_seed` is for a new one."""
    items = [
        QueueItemView(
            number=number,
            href=queue_href(video, playlist, shuffle),
            title=video.title,
            poster_url=poster_url(video),
            duration_text=None if video.duration_ms is None else duration_text(video.duration_ms),
            owner_name=video.owner_shown_name,
            current=number == queue.current + 1,
        )
        for number, video in enumerate(queue.items, queue.start + 1)
    ]
    here = queue.current - queue.start
    around = {"video": queue.items[here].public_id, "shuffle": shuffle}
    return PlayQueueView(
        title=playlist.title,
        href=playlist_href(playlist.public_id),
        number=queue.current + 1,
        total=queue.total,
        items=items,
        previous_href=items[here - 1].href if here > 0 else None,
        next=items[here + 1] if here + 1 < len(items) else None,
        list_href=f"{playlist_href(playlist.public_id)}/queue?{urlencode(around)}",
        shuffled=bool(shuffle),
        in_order_href=queue_href(queue.items[here], playlist),
        shuffle_href=queue_href(queue.items[here], playlist, new_seed),
    )
