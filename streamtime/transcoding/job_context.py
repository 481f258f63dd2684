"""What every job reads of a video and writes down about it: the rows, and the one door to them.

What the person who runs the server chose about preparing videos, as plain values.
"""

from dataclasses import dataclass

from streamtime.database.transaction import Database
from streamtime.hls.ladder import Rung
from streamtime.videos.events import Timeline
from streamtime.videos.lifecycle import Lifecycle
from streamtime.videos.renditions import Renditions
from streamtime.videos.videos import Videos


@dataclass(frozen=True, slots=True)
class TranscodeSettings:
    """How videos are prepared."""

    rungs: tuple[Rung, ...]
    keep_original: bool
    memory_budget_bytes: int
    """What one encode may have; a ladder that needs more is made in several passes."""


@dataclass(frozen=True, slots=True)
class VideoRecords:
    """The rooms of the library that jobs share."""

    database: Database
    videos: Videos
    lifecycle: Lifecycle
    renditions: Renditions
    timeline: Timeline
