"""View values of the caller's private marks on a video."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from streamtime.auth.access import Caller
from streamtime.http.services import VideoServices
from streamtime.translation import gettext, gettext_noop
from streamtime.videos.marks import MarkKind
from streamtime.videos.video import Video

TITLES = {MarkKind.LATER: gettext_noop("Watch later"), MarkKind.FAVOURITE: gettext_noop("Favourites")}

_SAID = {
    ("later", "yes"): gettext_noop("Added to Watch later"),
    ("later", "no"): gettext_noop("Removed from Watch later"),
    ("favourite", "yes"): gettext_noop("Added to your favourites"),
    ("favourite", "no"): gettext_noop("Removed from your favourites"),
    ("watched", "yes"): gettext_noop("Marked as watched"),
    ("watched", "no"): gettext_noop("Marked as not watched"),
}


@dataclass(frozen=True, slots=True)
class MarksView:
    """What the caller has marked of a video."""

    later: bool
    favourite: bool
    watched: bool


async def marks_view(video: Video, caller: Caller, videos: VideoServices) -> MarksView | None:
    """Return the caller's marks on a video; None for anonymous callers, who have none."""
    if caller.user_id is None:
        return None
    kinds = (await videos.marks.of_videos(caller.user_id, [video.id])).get(video.id, frozenset())
    watch = (await videos.watching.of_videos(caller.user_id, [video.id])).get(video.id)
    return MarksView(MarkKind.LATER in kinds, MarkKind.FAVOURITE in kinds, watch is not None and watch.watched)


def said_of(fields: Mapping[str, str]) -> str:
    """Return the header HX-Trigger of a change: what a toast says, and `watched` for the card of the video."""
    changed = [name for name in ("later", "favourite", "watched") if fields[name]]
    said = [gettext(_SAID[name, "yes" if fields[name] == "yes" else "no"]) for name in changed]
    watched = {"watched": fields["watched"]} if fields["watched"] else {}
    return json.dumps({"toast": " ".join(said), **watched})
