"""The stored files of a video with their sizes, for its owner."""

from dataclasses import dataclass

from streamtime.http.services import StorageServices, VideoServices
from streamtime.videos.renditions import Rendition
from streamtime.videos.video import Video


@dataclass(frozen=True, slots=True)
class VideoFile:
    """One file: a rendition, or the original, for which `rendition` is None."""

    rendition: Rendition | None
    size_bytes: int
    bitrate_bps: int | None

    @property
    def name(self) -> str:
        """The name of the rendition; empty for the original."""
        return "" if self.rendition is None else self.rendition.name

    @property
    def kind(self) -> str:
        """`original`, `video` or `audio`."""
        return "original" if self.rendition is None else self.rendition.kind.value

    @property
    def origin(self) -> str:
        """`copy` or `encode`; empty for the original."""
        return "" if self.rendition is None else self.rendition.origin.value


async def files_of(video: Video, videos: VideoServices, storage: StorageServices) -> list[VideoFile]:
    """Return the files of a video, the original first."""
    renditions = await videos.renditions.list_for_video(video.id)
    source = [video.source_object_id] if video.source_object_id is not None else []
    stored = {row.id: row for row in await storage.ledger.find([*source, *(one.object_id for one in renditions)])}
    sizes: list[tuple[Rendition | None, int]] = [(None, stored[i].length_bytes) for i in source if i in stored]
    sizes += [(rendition, stored[rendition.object_id].length_bytes) for rendition in renditions]
    seconds = (video.duration_ms or 0) / 1000
    return [
        VideoFile(rendition, size, round(size * 8 / seconds) if seconds and size else None) for rendition, size in sizes
    ]
