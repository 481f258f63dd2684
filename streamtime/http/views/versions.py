"""View values of the versions of a video, for its edit page."""

from dataclasses import dataclass

from streamtime.formatting import duration_text, size_text
from streamtime.http.services import StorageServices, VideoServices
from streamtime.http.views.videos import stage_text
from streamtime.translation import gettext
from streamtime.videos.video import Video


@dataclass(frozen=True, slots=True)
class PendingView:
    """The version that is being prepared."""

    kind: str
    percent: int
    stage: str
    failure: str | None


@dataclass(frozen=True, slots=True)
class PreviousView:
    """The version that can be restored."""

    name: str
    duration_text: str
    size_text: str


@dataclass(frozen=True, slots=True)
class VersionsView:
    """Both; each may be missing."""

    pending: PendingView | None
    previous: PreviousView | None


async def versions_view(video: Video, videos: VideoServices, storage: StorageServices) -> VersionsView:
    """Return the versions of a video."""
    found = await videos.versions.of_video(video)
    pending = previous = None
    if (version := found.pending) is not None:
        progress = videos.progress.get(version)
        percent = int(progress.fraction * 100)
        pending = PendingView(
            version.version_kind or "",
            percent,
            stage_text(progress.stage),
            gettext(version.failure_message or "") or None,
        )
    if (version := found.previous) is not None:
        sizes = await storage.usage.bytes_by_video([version.id])
        length = duration_text(version.duration_ms or 0)
        previous = PreviousView(version.source_name, length, size_text(sizes.get(version.id, 0)))
    return VersionsView(pending, previous)
