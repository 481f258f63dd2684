"""Requests for cuts by API and page: checked, charged to the quota, and queued."""

from dataclasses import dataclass
from enum import StrEnum

from streamtime.database.transaction import Database, Transaction
from streamtime.http.services import StorageServices, UploadServices, VideoServices
from streamtime.videos.editing import MAX_TITLE, clean_title
from streamtime.videos.video import Video
from streamtime.workers.cut_order import CutPart

_SUFFIX = " (cut)"


class CutMode(StrEnum):
    """How exact a cut is."""

    KEYFRAMES = "keyframes"
    """Without any loss of quality, in seconds; parts begin at the nearest keyframe."""
    EXACT = "exact"
    """To the frame; the video is encoded once, with high quality."""


class CutTarget(StrEnum):
    """What becomes of the result."""

    NEW = "new"
    """A new private video."""
    SAME = "same"
    """It takes the place of the video; what was there stays as its previous version."""


@dataclass(frozen=True, slots=True)
class CutRequest:
    """What is wanted. `title` is that of a new video; empty for one made of the title of the video that is cut."""

    parts: list[CutPart]
    mode: CutMode
    target: CutTarget
    title: str = ""


async def queue_cut(
    video: Video,
    wanted: CutRequest,
    videos: VideoServices,
    uploads: UploadServices,
    storage: StorageServices,
    database: Database,
) -> str:
    """Queue a cut of a video, and return the id of the video that it makes or changes.

    Raises:
        Invalid: the parts or the title are invalid.
        Conflict: the video cannot be cut now.
        QuotaExceeded, NoSpace: there is no room for the result.
        NotFound: the video was deleted meanwhile.
    """
    title = clean_title(wanted.title or video.title[: MAX_TITLE - len(_SUFFIX)] + _SUFFIX)
    exact = wanted.mode is CutMode.EXACT
    needed = await _estimated_bytes(video, wanted.parts, storage)

    async def body(tx: Transaction) -> int | None:
        await uploads.space.reserve(tx, video.owner_id, needed, via_upload_request=False)
        if wanted.target is CutTarget.SAME:
            await videos.cuts.create_version(tx, video, wanted.parts, exact=exact)
            return None
        return await videos.cuts.create_video(tx, video, title, wanted.parts, exact=exact)

    made = await database.write(body)
    return video.public_id if made is None else (await videos.repository.by_id(made)).public_id


async def _estimated_bytes(video: Video, parts: list[CutPart], storage: StorageServices) -> int:
    """Estimate the size of the result: the share of the original that stays."""
    found = await storage.ledger.find([video.source_object_id]) if video.source_object_id else []
    kept_ms = sum(max(0, part.end_ms - part.start_ms) for part in parts)
    share = min(1.0, kept_ms / video.duration_ms) if video.duration_ms else 1.0
    return round(found[0].length_bytes * share) if found else 0
