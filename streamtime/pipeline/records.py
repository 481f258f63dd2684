"""What every job reads of a video and writes down about it: the rows, and the one door to them."""

from dataclasses import dataclass

from streamtime.database.transaction import Database
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.renditions import Renditions
from streamtime.library.timeline import Timeline
from streamtime.library.videos import Videos


@dataclass(frozen=True, slots=True)
class VideoRecords:
    """The rooms of the library that jobs share."""

    database: Database
    videos: Videos
    lifecycle: Lifecycle
    renditions: Renditions
    timeline: Timeline
