"""Composition of the core services: infrastructure (database, stores, queue), video services, storage maintenance."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from streamtime.auth.audit import AuditLog, AuditRetention
from streamtime.auth.sessions import Sessions
from streamtime.clock import Clock, SystemClock
from streamtime.config.sections import Config, S3Config
from streamtime.database.engines import EpochWatch
from streamtime.database.transaction import Database
from streamtime.errors import ConfigError
from streamtime.ids import public_id
from streamtime.jobs.queue import JobQueue
from streamtime.maintenance.backup.automatic import AutomaticBackups
from streamtime.maintenance.runner import MaintenanceLog
from streamtime.playback.segments import ViewerActivity
from streamtime.storage.local.store import LocalStore
from streamtime.storage.object_store import ObjectStore
from streamtime.storage.objects.copy import MultipartUploads, ObjectCopier
from streamtime.storage.objects.leases import Leases
from streamtime.storage.objects.ledger import Inventory, Ledger
from streamtime.storage.objects.stores import StoreOwnership, Stores
from streamtime.storage.s3.connections import BucketAddress
from streamtime.storage.s3.store import S3Store
from streamtime.storage.spool import Spool
from streamtime.storage.wrappers import MeteredStore, RetryingStore, StoreMetrics
from streamtime.uploads.terminate import UploadExpiry
from streamtime.uploads.upload import UploadRepository
from streamtime.videos.account_deletion import AccountDeletion
from streamtime.videos.captions import Captions, Chapters
from streamtime.videos.damage import DamageReporter
from streamtime.videos.deletion import DerivedFiles, VideoDeletion
from streamtime.videos.duplicates import Duplicates
from streamtime.videos.editing import PosterChoice
from streamtime.videos.events import EventBus, Timeline, VideoEventPublisher
from streamtime.videos.ingest import VideoIngest
from streamtime.videos.job_kinds import WorkQueue
from streamtime.videos.lifecycle import Lifecycle, VideoJobs
from streamtime.videos.progress import GrowingRenditions, ProgressTracker
from streamtime.videos.quota import Reservations, ReservationTimeouts
from streamtime.videos.renditions import Renditions, StillRepository
from streamtime.videos.trash import RestoreDependencies, Trash
from streamtime.videos.videos import Videos, VideoUpdater
from streamtime.workers.worker import WorkerRegistry


@dataclass(frozen=True, slots=True)
class Infrastructure:
    """Clock, database, stores, events and job queue."""

    clock: Clock
    database: Database
    epoch: EpochWatch
    stores: Stores
    store_metrics: StoreMetrics
    bus: EventBus
    queue: JobQueue


@dataclass(frozen=True, slots=True)
class VideoServices:
    """Services for videos and what belongs to them."""

    ledger: Ledger
    publisher: VideoEventPublisher
    videos: Videos
    renditions: Renditions
    stills: StillRepository
    growing: GrowingRenditions
    timeline: Timeline
    progress: ProgressTracker
    ingest: VideoIngest
    lifecycle: Lifecycle
    video_jobs: VideoJobs
    deletion: VideoDeletion
    duplicates: Duplicates
    captions: Captions
    chapters: Chapters
    viewer_activity: ViewerActivity
    worker_registry: WorkerRegistry
    damage_reporter: DamageReporter
    audit: AuditLog

    async def recheck(self, database: Database, video_id: int) -> None:
        """Check a video's state against its stored objects, and correct it."""
        video = await self.videos.by_id(video_id)
        await database.write(lambda tx: self.lifecycle.recheck(tx, video))


@dataclass(frozen=True, slots=True)
class MaintenanceServices:
    """Services for storage maintenance."""

    inventory: Inventory
    ownership: StoreOwnership
    leases: Leases
    log: MaintenanceLog


def database_path(config: Config) -> Path:
    """Return the path of the database file."""
    return config.data_dir / "streamtime.db"


def backup_folders(config: Config) -> list[Path]:
    """Return the folders in which copies of the database are looked for."""
    return [config.data_dir / "backups", *([backup_folder(config)] if config.backup.every else [])]


def backup_folder(config: Config) -> Path:
    """Return the folder of automatic database copies."""
    return config.data_dir / Path(config.backup.to).expanduser()


def build_automatic_backups(config: Config) -> AutomaticBackups:
    """Build the service for automatic database copies."""
    return AutomaticBackups(database_path(config), backup_folder(config), keep=config.backup.keep)


async def open_infrastructure(config: Config, stack: AsyncExitStack, *, sweep: bool = True) -> Infrastructure:
    """Open the infrastructure; its files stay open until the stack is closed.

    `sweep` deletes partial files of an earlier process; only the holder of the server lock may use it.
    """
    clock = SystemClock()
    path = database_path(config)
    database = Database(path, copies=backup_folders(config))
    stack.push_async_callback(database.close)
    epoch = EpochWatch(path)
    database.on_epoch_bumped = epoch.invalidate
    stack.callback(epoch.close)
    store_metrics = StoreMetrics()
    stores = await open_stores(config, stack, store_metrics, sweep=sweep)
    return Infrastructure(
        clock=clock,
        database=database,
        epoch=epoch,
        stores=stores,
        store_metrics=store_metrics,
        bus=EventBus(),
        queue=JobQueue(database, clock, process_id=public_id()),
    )


async def open_stores(config: Config, stack: AsyncExitStack, metrics: StoreMetrics, *, sweep: bool) -> Stores:
    """Open the spool and all object stores; `sweep` as for `open_infrastructure`."""
    spool = await Spool.open_at(config.data_dir / "spool")
    stack.push_async_callback(spool.close)
    opened = await _open_object_stores(config, stack, sweep=sweep)
    metered = {name: MeteredStore(store, name, metrics) for name, store in opened.items()}
    return Stores(spool, metered, default_name=config.storage.backend)


@dataclass(frozen=True, slots=True)
class ObjectStorage:
    """Services for commands that work on stored objects, with or without a running server."""

    database: Database
    ledger: Ledger
    stores: Stores
    copier: ObjectCopier


@asynccontextmanager
async def open_object_storage(config: Config) -> AsyncIterator[ObjectStorage]:
    """Open the database and the stores only. Partial files of a running server are not touched."""
    async with AsyncExitStack() as stack:
        database = Database(database_path(config), copies=backup_folders(config))
        stack.push_async_callback(database.close)
        stores = await open_stores(config, stack, StoreMetrics(), sweep=False)
        clock = SystemClock()
        copier = ObjectCopier(MultipartUploads(database, clock), stores, read_back=True)
        yield ObjectStorage(database, Ledger(database, clock), stores, copier)


def store_names(config: Config) -> list[str]:
    """Return the names of the stores that are configured, as rows name them."""
    return ["local"] if bucket_address(config.storage.s3) is None else ["local", "s3"]


async def _open_object_stores(config: Config, stack: AsyncExitStack, *, sweep: bool) -> dict[str, ObjectStore]:
    """Open all stores: the local one always, the bucket if it is configured."""
    stores: dict[str, ObjectStore] = {"local": await LocalStore.open_at(config.data_dir / "objects", sweep=sweep)}
    address = bucket_address(config.storage.s3)
    if address is not None:
        stores["s3"] = RetryingStore(S3Store(address))
    elif config.storage.backend == "s3":
        raise ConfigError('storage.backend is "s3": storage.s3 needs endpoint and bucket.')
    for store in stores.values():
        stack.push_async_callback(store.close)
    return stores


def bucket_address(chosen: S3Config) -> BucketAddress | None:
    """Return the configured bucket, or None."""
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


def build_trash(config: Config, base: Infrastructure, video_services: VideoServices) -> Trash:
    """Build the trash."""
    return Trash(
        base.database,
        RestoreDependencies(base.queue, WorkQueue(base.queue), PosterChoice(base.queue), video_services.lifecycle),
        video_services.deletion,
        video_services.timeline,
        video_services.progress,
        video_services.publisher,
        video_services.audit,
        base.clock,
        retention_days=config.storage.bin_days,
    )


def build_audit_retention(config: Config, base: Infrastructure) -> AuditRetention:
    """Build the retention of the audit log."""
    return AuditRetention(base.database, base.clock, days=config.accounts.audit_days)


def build_account_deletion(base: Infrastructure, video_services: VideoServices) -> AccountDeletion:
    """Build the deletion of accounts and their videos."""
    audit = AuditLog(base.database, base.clock)
    sessions = Sessions(base.database, audit, base.clock)
    return AccountDeletion(
        base.database,
        video_services.deletion,
        WorkQueue(base.queue),
        video_services.publisher,
        sessions,
        audit,
        base.clock,
    )


def build_uploads(config: Config, base: Infrastructure) -> UploadRepository:
    """Build the repository of uploads, with the configured expiry."""
    reservations = build_reservations(config, base)
    return UploadRepository(base.database, reservations, base.clock, expire_after_ms=config.uploads.expire_after * 1000)


def build_reservations(config: Config, base: Infrastructure) -> Reservations:
    """Build the reservations of space for uploads, with the configured timeouts."""
    chosen = config.uploads
    timeouts = ReservationTimeouts(
        idle_ms=chosen.reservation_timeout * 1000, first_byte_ms=chosen.first_byte_timeout * 1000
    )
    return Reservations(base.database, base.clock, timeouts)


def build_upload_expiry(config: Config, base: Infrastructure, video_services: VideoServices) -> UploadExpiry:
    """Build the expiry of abandoned uploads."""
    return UploadExpiry(base.database, build_uploads(config, base), video_services.videos, video_services.deletion)


def build_video_services(base: Infrastructure) -> VideoServices:
    """Build the video services."""
    ledger = Ledger(base.database, base.clock)
    news = VideoEventPublisher(base.bus)
    renditions = Renditions(base.database, ledger, base.clock)
    stills = StillRepository(base.database, ledger)
    timeline = Timeline(base.database, base.clock)
    progress = ProgressTracker(base.database, news, base.clock)
    work, changes = WorkQueue(base.queue), VideoUpdater(news)
    audit = AuditLog(base.database, base.clock)
    duplicates = Duplicates(base.database, work, changes, timeline)
    lifecycle = Lifecycle(base.queue, work, changes, ledger, renditions, stills, duplicates, timeline, progress)
    return VideoServices(
        ledger=ledger,
        publisher=news,
        videos=Videos(base.database),
        renditions=renditions,
        stills=stills,
        growing=GrowingRenditions(),
        timeline=timeline,
        progress=progress,
        ingest=VideoIngest(work, changes, timeline, duplicates, news, base.clock),
        lifecycle=lifecycle,
        video_jobs=VideoJobs(base.queue, work, changes, renditions, timeline, lifecycle),
        deletion=VideoDeletion(
            base.queue, work, ledger, DerivedFiles(renditions, stills), duplicates, progress, news, audit, base.clock
        ),
        duplicates=duplicates,
        captions=Captions(base.database, news, base.clock),
        chapters=Chapters(base.database),
        viewer_activity=ViewerActivity(base.clock),
        worker_registry=WorkerRegistry(),
        damage_reporter=DamageReporter(base.database, timeline),
        audit=audit,
    )


def build_maintenance_services(base: Infrastructure) -> MaintenanceServices:
    """Build the storage maintenance services."""
    inventory = Inventory(base.database, base.clock)
    return MaintenanceServices(
        inventory=inventory,
        ownership=StoreOwnership(base.database, inventory, base.stores, base.clock),
        leases=Leases(base.database, base.clock),
        log=MaintenanceLog(base.database, base.clock),
    )
