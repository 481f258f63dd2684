"""Composition of the infrastructure: database, stores, job queue, and what is recorded about the stores."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from streamtime.auth.audit import AuditLog
from streamtime.auth.notices import Notices
from streamtime.clock import Clock, SystemClock
from streamtime.config.sections import Config, S3Config
from streamtime.database.transaction import Database, EpochWatch
from streamtime.errors import ConfigError
from streamtime.ids import public_id
from streamtime.jobs.queue import JobQueue
from streamtime.maintenance.backup.automatic import AutomaticBackups
from streamtime.maintenance.runner import MaintenanceLog
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
from streamtime.videos.events import EventBus, NoticesChanged


@dataclass(frozen=True, slots=True)
class Infrastructure:
    """Clock, database, stores, events, job queue and notices."""

    clock: Clock
    database: Database
    epoch: EpochWatch
    stores: Stores
    store_metrics: StoreMetrics
    bus: EventBus
    queue: JobQueue
    notices: Notices

    @property
    def audit(self) -> AuditLog:
        """The audit log."""
        return AuditLog(self.database, self.clock)

    @property
    def ledger(self) -> Ledger:
        """The rows of stored objects."""
        return Ledger(self.database, self.clock)


@dataclass(frozen=True, slots=True)
class StoreRecords:
    """What is recorded about the stores: their objects and owner, leases on objects, and runs of maintenance."""

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
    bus = EventBus()
    return Infrastructure(
        clock=clock,
        database=database,
        epoch=epoch,
        stores=stores,
        store_metrics=store_metrics,
        bus=bus,
        queue=JobQueue(database, clock, process_id=public_id()),
        notices=Notices(database, clock, lambda user_id: bus.publish(NoticesChanged(user_id))),
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


def build_store_records(base: Infrastructure) -> StoreRecords:
    """Build the records about the stores."""
    inventory = Inventory(base.database, base.clock)
    return StoreRecords(
        inventory=inventory,
        ownership=StoreOwnership(base.database, inventory, base.stores, base.clock),
        leases=Leases(base.database, base.clock),
        log=MaintenanceLog(base.database, base.clock),
    )
