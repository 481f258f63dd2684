"""Settings and services that all processing jobs share."""

from dataclasses import dataclass

from streamtime.database.transaction import Database
from streamtime.hls.ladder import Rung
from streamtime.storage.objects.ledger import Ledger
from streamtime.storage.spool import Spool
from streamtime.transcoding.source import Sources
from streamtime.transcoding.supervision import OrderMonitor
from streamtime.videos.captions import Captions
from streamtime.videos.events import Timeline
from streamtime.videos.lifecycle import Lifecycle
from streamtime.videos.progress import GrowingRenditions
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
    captions: Captions
    timeline: Timeline


@dataclass(frozen=True, slots=True)
class LibraryServices:
    """What jobs need to write renditions into the library."""

    records: VideoRecords
    ledger: Ledger
    growing: GrowingRenditions
    monitor: OrderMonitor
    sources: Sources
    spool: Spool
