"""The lower floors of the house, built and connected: what everything above is handed."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from streamtime.clock import Clock, SystemClock
from streamtime.config.sections import Config
from streamtime.database.epoch import EpochWatch
from streamtime.database.transaction import Database
from streamtime.events.bus import EventBus
from streamtime.ids import public_id
from streamtime.jobs.queue import JobQueue
from streamtime.library.arrivals import Arrivals
from streamtime.library.bin import Bin, Remade
from streamtime.library.captions import Captions
from streamtime.library.changes import Changes
from streamtime.library.chapters import Chapters
from streamtime.library.deletion import Deletion
from streamtime.library.duplicates import Duplicates
from streamtime.library.growing import GrowingRenditions
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.news import News
from streamtime.library.poster_choice import PosterChoice
from streamtime.library.progress import ProgressBoard
from streamtime.library.renditions import Renditions
from streamtime.library.steering import Steering
from streamtime.library.stills import StillRows
from streamtime.library.timeline import Timeline
from streamtime.library.videos import Videos
from streamtime.library.work import Work
from streamtime.objects.ledger import Ledger
from streamtime.objects.stores import Stores
from streamtime.playback.watching import Watching
from streamtime.storage.local_disk import LocalDisk
from streamtime.storage.spool import Spool
from streamtime.uploads.expiry import UploadExpiry
from streamtime.uploads.upload import UploadRows
from streamtime.workers.roster import Roster


@dataclass(frozen=True, slots=True)
class Foundation:
    """The lower floors."""

    clock: Clock
    database: Database
    epoch: EpochWatch
    stores: Stores
    bus: EventBus
    queue: JobQueue


@dataclass(frozen=True, slots=True)
class Library:
    """The middle floors."""

    ledger: Ledger
    news: News
    videos: Videos
    renditions: Renditions
    stills: StillRows
    growing: GrowingRenditions
    timeline: Timeline
    progress: ProgressBoard
    arrivals: Arrivals
    lifecycle: Lifecycle
    steering: Steering
    deletion: Deletion
    duplicates: Duplicates
    captions: Captions
    chapters: Chapters
    watching: Watching
    roster: Roster


def database_path(config: Config) -> Path:
    """Where the database file is."""
    return config.data_dir / "streamtime.db"


async def open_foundation(config: Config, stack: AsyncExitStack) -> Foundation:
    """The lower floors, with their files open until the stack is left."""
    clock = SystemClock()
    path = database_path(config)
    database = Database(path)
    stack.push_async_callback(database.close)
    epoch = EpochWatch(path)
    database.on_epoch = epoch.look_again
    stack.callback(epoch.close)
    spool = await Spool.open_at(config.data_dir / "spool")
    stack.push_async_callback(spool.close)
    local = await LocalDisk.open_at(config.data_dir / "objects")
    stack.push_async_callback(local.close)
    return Foundation(
        clock=clock,
        database=database,
        epoch=epoch,
        stores=Stores(spool, {"local": local}, settle_in=config.storage.backend),
        bus=EventBus(),
        queue=JobQueue(database, clock, process_id=public_id()),
    )


def bin_on(config: Config, base: Foundation, library: Library) -> Bin:
    """The bin of that library."""
    return Bin(
        base.database,
        Remade(base.queue, Work(base.queue), PosterChoice(base.queue)),
        library.lifecycle,
        library.deletion,
        library.timeline,
        library.progress,
        library.news,
        base.clock,
        days=config.storage.bin_days,
    )


def upload_rows(config: Config, base: Foundation) -> UploadRows:
    """The rows of uploads, with the term that the configuration sets them."""
    return UploadRows(base.database, base.clock, expire_after_ms=config.uploads.expire_after * 1000)


def upload_expiry(config: Config, base: Foundation, library: Library) -> UploadExpiry:
    """What gives up uploads whose term is over."""
    return UploadExpiry(base.database, upload_rows(config, base), library.videos, library.deletion)


def library_on(base: Foundation) -> Library:
    """The middle floors, on the lower ones."""
    ledger = Ledger(base.database, base.clock)
    news = News(base.bus)
    renditions = Renditions(base.database, ledger, base.clock)
    stills = StillRows(base.database, ledger)
    timeline = Timeline(base.database, base.clock)
    progress = ProgressBoard(base.database, news, base.clock)
    work, changes = Work(base.queue), Changes(news)
    duplicates = Duplicates(base.database, work, changes, timeline)
    lifecycle = Lifecycle(base.queue, work, changes, ledger, renditions, stills, duplicates, timeline, progress)
    return Library(
        ledger=ledger,
        news=news,
        videos=Videos(base.database),
        renditions=renditions,
        stills=stills,
        growing=GrowingRenditions(),
        timeline=timeline,
        progress=progress,
        arrivals=Arrivals(work, changes, timeline, duplicates, news, base.clock),
        lifecycle=lifecycle,
        steering=Steering(base.queue, work, changes, renditions, timeline, lifecycle),
        deletion=Deletion(base.queue, work, ledger, renditions, stills, duplicates, progress, news, base.clock),
        duplicates=duplicates,
        captions=Captions(base.database, news, base.clock),
        chapters=Chapters(base.database),
        watching=Watching(base.clock),
        roster=Roster(),
    )
