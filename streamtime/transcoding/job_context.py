"""Settings and repositories that all processing jobs share."""

from dataclasses import dataclass

from streamtime.database.transaction import Database
from streamtime.hls.ladder import Rung
from streamtime.videos.events import Timeline
from streamtime.videos.lifecycle import Lifecycle
from streamtime.videos.renditions import Renditions
from streamtime.videos.video import Videos


@dataclass(frozen=True, slots=True)
class TranscodeSettings:
    """Configuration of video processing."""

    rungs: tuple[Rung, ...]
    keep_original: bool
    memory_budget_bytes: int
    """Memory limit of one encode; a ladder that needs more is encoded in several passes."""


@dataclass(frozen=True, slots=True)
class VideoRecords:
    """The database and the repositories that jobs share."""

    database: Database
    videos: Videos
    lifecycle: Lifecycle
    renditions: Renditions
    timeline: Timeline
