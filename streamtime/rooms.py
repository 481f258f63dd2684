"""The lower floors of the house, built and connected: what everything above is handed."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from streamtime.accounts.audit import Audit
from streamtime.accounts.audit_term import AuditTerm
from streamtime.accounts.sessions import Sessions
from streamtime.backups.automatic import AutomaticCopies
from streamtime.clock import Clock, SystemClock
from streamtime.config.sections import S3, Config
from streamtime.database.epoch import EpochWatch
from streamtime.database.transaction import Database
from streamtime.errors import ConfigError
from streamtime.events.bus import EventBus
from streamtime.ids import public_id
from streamtime.jobs.queue import JobQueue
from streamtime.library.arrivals import Arrivals
from streamtime.library.bin import Bin, Remade
from streamtime.library.captions import Captions
from streamtime.library.changes import Changes
from streamtime.library.chapters import Chapters
from streamtime.library.closing import AccountClosing
from streamtime.library.damage import Damage
from streamtime.library.deletion import Deletion, Made
from streamtime.library.duplicates import Duplicates
from streamtime.library.growing import GrowingRenditions
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.news import News
from streamtime.library.poster_choice import PosterChoice
from streamtime.library.progress import ProgressBoard
from streamtime.library.renditions import Renditions
from streamtime.library.reservations import Reservations, Terms
from streamtime.library.steering import Steering
from streamtime.library.stills import StillRows
from streamtime.library.timeline import Timeline
from streamtime.library.videos import Videos
from streamtime.library.work import Work
from streamtime.objects.carrying import Carrier
from streamtime.objects.deployment import Deployment
from streamtime.objects.holds import Holds
from streamtime.objects.inventory import Inventory
from streamtime.objects.ledger import Ledger
from streamtime.objects.multiparts import Multiparts
from streamtime.objects.stores import Stores
from streamtime.objects.upkeep import UpkeepLog
from streamtime.playback.watching import Watching
from streamtime.storage.local_disk import LocalDisk
from streamtime.storage.metered import Metered, StoreNumbers
from streamtime.storage.object_store import ObjectStore
from streamtime.storage.retrying import Retrying
from streamtime.storage.s3 import S3Store
from streamtime.storage.s3_connections import BucketAddress
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
    store_numbers: StoreNumbers
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
    damage: Damage
    audit: Audit

    async def recheck(self, database: Database, video_id: int) -> None:
        """Compare what is said of a video with what is stored of it."""
        video = await self.videos.by_id(video_id)
        await database.write(lambda tx: self.lifecycle.recheck(tx, video))


@dataclass(frozen=True, slots=True)
class Keeping:
    """What those need who look after bytes, on the lower floors."""

    inventory: Inventory
    deployment: Deployment
    holds: Holds
    upkeep: UpkeepLog


def database_path(config: Config) -> Path:
    """Where the database file is."""
    return config.data_dir / "streamtime.db"


def copies_folders(config: Config) -> list[Path]:
    """Where copies of the database are looked for."""
    return [config.data_dir / "backups", *([copies_folder(config)] if config.backup.every else [])]


def copies_folder(config: Config) -> Path:
    """Where automatic copies of the database go."""
    return config.data_dir / Path(config.backup.to).expanduser()


def automatic_copies(config: Config) -> AutomaticCopies:
    """The copies of the database that are made by themselves."""
    return AutomaticCopies(database_path(config), copies_folder(config), keep=config.backup.keep)


async def open_foundation(config: Config, stack: AsyncExitStack, *, sweep: bool = True) -> Foundation:
    """The lower floors, with their files open until the stack is left.

    `sweep` clears what an earlier process left half-written; only the holder of the server's lock may ask it.
    """
    clock = SystemClock()
    path = database_path(config)
    database = Database(path, copies=copies_folders(config))
    stack.push_async_callback(database.close)
    epoch = EpochWatch(path)
    database.on_epoch = epoch.look_again
    stack.callback(epoch.close)
    numbers = StoreNumbers()
    stores = await open_stores(config, stack, numbers, sweep=sweep)
    return Foundation(
        clock=clock,
        database=database,
        epoch=epoch,
        stores=stores,
        store_numbers=numbers,
        bus=EventBus(),
        queue=JobQueue(database, clock, process_id=public_id()),
    )


async def open_stores(config: Config, stack: AsyncExitStack, numbers: StoreNumbers, *, sweep: bool) -> Stores:
    """The spool and all stores; `sweep` as for `open_foundation`."""
    spool = await Spool.open_at(config.data_dir / "spool")
    stack.push_async_callback(spool.close)
    opened = await _settled(config, stack, sweep=sweep)
    settled = {name: Metered(store, name, numbers) for name, store in opened.items()}
    return Stores(spool, settled, settle_in=config.storage.backend)


@dataclass(frozen=True, slots=True)
class Shelves:
    """What commands need that work on stored objects, whether the server runs or not."""

    database: Database
    ledger: Ledger
    stores: Stores
    carrier: Carrier


@asynccontextmanager
async def open_shelves(config: Config) -> AsyncIterator[Shelves]:
    """Rows and stores alone. What a running server has half-written is left alone."""
    async with AsyncExitStack() as stack:
        database = Database(database_path(config), copies=copies_folders(config))
        stack.push_async_callback(database.close)
        stores = await open_stores(config, stack, StoreNumbers(), sweep=False)
        clock = SystemClock()
        carrier = Carrier(Multiparts(database, clock), stores, read_back=True)
        yield Shelves(database, Ledger(database, clock), stores, carrier)


def store_names(config: Config) -> list[str]:
    """The names of the stores that rows may give and this configuration knows."""
    return ["local"] if bucket_address(config.storage.s3) is None else ["local", "s3"]


async def _settled(config: Config, stack: AsyncExitStack, *, sweep: bool) -> dict[str, ObjectStore]:
    """All stores that rows may name: the local one always, the bucket whenever there is one."""
    stores: dict[str, ObjectStore] = {"local": await LocalDisk.open_at(config.data_dir / "objects", sweep=sweep)}
    address = bucket_address(config.storage.s3)
    if address is not None:
        stores["s3"] = Retrying(S3Store(address))
    elif config.storage.backend == "s3":
        raise ConfigError('storage.backend is "s3": storage.s3 needs endpoint and bucket.')
    for store in stores.values():
        stack.push_async_callback(store.close)
    return stores


def bucket_address(chosen: S3) -> BucketAddress | None:
    """The bucket of the configuration, or None where there is none."""
    if not chosen.endpoint or not chosen.bucket:
        return None
    return BucketAddress(
        endpoint=chosen.endpoint,
        bucket=chosen.bucket,
        region=chosen.region,
        access_key=chosen.access_key,
        secret_key=chosen.secret_key,
        path_style=chosen.path_style,
        prefix=chosen.prefix.strip("/"),
        public_endpoint=chosen.public_endpoint,
        ca_file=chosen.ca_file,
        connect_timeout_s=int(chosen.connect_timeout),
        read_timeout_s=int(chosen.read_timeout),
        connections=chosen.connections,
        part_bytes=int(chosen.part_size),
    )


def bin_on(config: Config, base: Foundation, library: Library) -> Bin:
    """The bin of that library."""
    return Bin(
        base.database,
        Remade(base.queue, Work(base.queue), PosterChoice(base.queue), library.lifecycle),
        library.deletion,
        library.timeline,
        library.progress,
        library.news,
        library.audit,
        base.clock,
        days=config.storage.bin_days,
    )


def audit_term(config: Config, base: Foundation) -> AuditTerm:
    """What lets go of old lines of the audit."""
    return AuditTerm(base.database, base.clock, days=config.accounts.audit_days)


def closing_on(base: Foundation, library: Library) -> AccountClosing:
    """What deletes accounts, with the videos of that library."""
    audit = Audit(base.database, base.clock)
    sessions = Sessions(base.database, audit, base.clock)
    return AccountClosing(base.database, library.deletion, Work(base.queue), library.news, sessions, audit, base.clock)


def upload_rows(config: Config, base: Foundation) -> UploadRows:
    """The rows of uploads, with the term that the configuration sets them."""
    reservations = reservations_on(config, base)
    return UploadRows(base.database, reservations, base.clock, expire_after_ms=config.uploads.expire_after * 1000)


def reservations_on(config: Config, base: Foundation) -> Reservations:
    """Room reserved for uploads, with the terms that the configuration sets."""
    chosen = config.uploads
    terms = Terms(idle_ms=chosen.reservation_timeout * 1000, first_byte_ms=chosen.first_byte_timeout * 1000)
    return Reservations(base.database, base.clock, terms)


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
    audit = Audit(base.database, base.clock)
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
        deletion=Deletion(
            base.queue, work, ledger, Made(renditions, stills), duplicates, progress, news, audit, base.clock
        ),
        duplicates=duplicates,
        captions=Captions(base.database, news, base.clock),
        chapters=Chapters(base.database),
        watching=Watching(base.clock),
        roster=Roster(),
        damage=Damage(base.database, timeline),
        audit=audit,
    )


def keeping_of(base: Foundation) -> Keeping:
    """What looks after bytes."""
    inventory = Inventory(base.database, base.clock)
    return Keeping(
        inventory=inventory,
        deployment=Deployment(base.database, inventory, base.stores, base.clock),
        holds=Holds(base.database, base.clock),
        upkeep=UpkeepLog(base.database, base.clock),
    )
