"""The composition root: builds everything, connects it, starts and stops it. The one place that names adapters."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from streamtime.access.rules import Visibility
from streamtime.accounts.api_tokens import ApiTokens
from streamtime.accounts.credentials import Credentials
from streamtime.accounts.last_use import LastUse
from streamtime.accounts.passwords import PasswordHashing
from streamtime.accounts.setup import Setup
from streamtime.accounts.sign_in import SignIn
from streamtime.accounts.users import Users
from streamtime.clock import Clock, SystemClock
from streamtime.config.sections import Config
from streamtime.database.epoch import EpochWatch
from streamtime.database.transaction import Database
from streamtime.errors import ConfigError, StreamtimeError
from streamtime.events.bus import EventBus
from streamtime.hls.ladder import DEFAULT_RUNGS, Rung
from streamtime.http.services import HttpSettings, Services
from streamtime.ids import public_id
from streamtime.jobs.job import Lane
from streamtime.jobs.pool import JobPool
from streamtime.jobs.queue import JobQueue
from streamtime.library import lifecycle as kinds
from streamtime.library.crashes import Crashes
from streamtime.library.editing import Editor
from streamtime.library.growing import GrowingRenditions
from streamtime.library.lifecycle import Lifecycle
from streamtime.library.listing import Listing
from streamtime.library.news import News
from streamtime.library.progress import ProgressBoard
from streamtime.library.renditions import Renditions
from streamtime.library.timeline import Timeline
from streamtime.library.videos import Videos
from streamtime.logging import get_logger
from streamtime.objects.collect import Collector
from streamtime.objects.ledger import Ledger
from streamtime.objects.settle import Settler
from streamtime.objects.stores import Stores
from streamtime.pipeline.encoding import Encoding
from streamtime.pipeline.first_rung import FirstRung
from streamtime.pipeline.ladder import Ladder
from streamtime.pipeline.making import Maker
from streamtime.pipeline.packaging import Packager
from streamtime.pipeline.prepare import Prepare
from streamtime.pipeline.quarantine import Quarantine
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.pipeline.source import Sources
from streamtime.pipeline.upkeep import Collect, Settle
from streamtime.playback.catalogue import Catalogue
from streamtime.playback.hot_segments import HotSegments
from streamtime.playback.media_bytes import MediaReader
from streamtime.playback.playlists import Playlists
from streamtime.playback.segments import Segments
from streamtime.storage.local_disk import LocalDisk
from streamtime.storage.spool import Spool
from streamtime.uploads.create import UploadCreation, UploadLimits
from streamtime.uploads.receive import Receiver
from streamtime.uploads.terminate import Termination
from streamtime.uploads.upload import UploadRows
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.self_report import SelfReport

SOFT_FACTS_EVERY_S = 3.0
QUICK_PLACES = 2
"""Attempts at once of jobs that a person waits for: they copy rather than encode."""

PREPARE_NICE = 0
"""Somebody waits for it, and it takes moments: only encoders stand back."""

FIRST_PLACES = 2
"""First rungs at once: a clip does not wait behind a film."""

FIRST_NICE = 5
"""Somebody waits for it: it goes before ladders, though not before the server itself."""

_log = get_logger("app")


@dataclass(frozen=True, slots=True)
class Accounts:
    """What commands need that set a server up, whether it runs or not."""

    users: Users
    tokens: ApiTokens


def database_path(config: Config) -> Path:
    """Where the database file is."""
    return config.data_dir / "streamtime.db"


@asynccontextmanager
async def open_accounts(config: Config) -> AsyncIterator[Accounts]:
    """Accounts alone, beside a running server or without one."""
    clock = SystemClock()
    passwords = PasswordHashing()
    database = Database(database_path(config))
    try:
        users = Users(database, passwords, clock)
        yield Accounts(users, ApiTokens(database, users, clock))
    finally:
        await database.close()
        passwords.close()


@dataclass(frozen=True, slots=True)
class _Foundation:
    """The lower floors."""

    clock: Clock
    database: Database
    epoch: EpochWatch
    stores: Stores
    bus: EventBus
    queue: JobQueue


@dataclass(frozen=True, slots=True)
class _Library:
    """The middle floors."""

    ledger: Ledger
    news: News
    videos: Videos
    renditions: Renditions
    growing: GrowingRenditions
    timeline: Timeline
    progress: ProgressBoard
    lifecycle: Lifecycle


@asynccontextmanager
async def open_services(config: Config) -> AsyncIterator[Services]:
    """Everything that the HTTP room calls, with its files open; nothing is running yet."""
    async with AsyncExitStack() as stack:
        base = await _foundation(config, stack)
        library = _library(base)
        passwords = PasswordHashing()
        stack.callback(passwords.close)
        last_use = LastUse(base.database)
        pool = JobPool(base.queue, _lanes(config, base, library), base.clock)
        yield _services(config, base, library, passwords, last_use, pool)
        for flush in (library.progress.flush, last_use.flush):
            with suppress(StreamtimeError):
                await flush()


@asynccontextmanager
async def running(services: Services, *, grace_s: float) -> AsyncIterator[None]:
    """The job pool and the writing of soft facts, for as long as the context lasts."""
    await services.database.write(services.lifecycle.recover)
    await services.pool.start()
    flushing = asyncio.create_task(_flush_soft_facts(services))
    reporting = asyncio.create_task(services.workers.log())
    try:
        yield
    finally:
        services.bus.close()
        flushing.cancel()
        reporting.cancel()
        await asyncio.wait([reporting])  # it may have a child, which goes with it
        await services.pool.stop(grace_s=grace_s)


def http_settings(config: Config) -> HttpSettings:
    """What the HTTP room needs to know of the configuration."""
    return HttpSettings(
        public_url=config.server.public_url,
        allowed_hosts=config.server.allowed_hosts,
        metrics_token=config.server.metrics_token,
    )


async def _foundation(config: Config, stack: AsyncExitStack) -> _Foundation:
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
    return _Foundation(
        clock=clock,
        database=database,
        epoch=epoch,
        stores=Stores(spool, {"local": local}, settle_in=config.storage.backend),
        bus=EventBus(),
        queue=JobQueue(database, clock, process_id=public_id()),
    )


def _library(base: _Foundation) -> _Library:
    ledger = Ledger(base.database, base.clock)
    news = News(base.bus)
    renditions = Renditions(base.database, ledger, base.clock)
    timeline = Timeline(base.database, base.clock)
    progress = ProgressBoard(base.database, news, base.clock)
    return _Library(
        ledger=ledger,
        news=news,
        videos=Videos(base.database),
        renditions=renditions,
        growing=GrowingRenditions(),
        timeline=timeline,
        progress=progress,
        lifecycle=Lifecycle(base.queue, ledger, renditions, timeline, progress, news, base.clock),
    )


def _lanes(config: Config, base: _Foundation, library: _Library) -> list[Lane]:
    chosen = config.transcode
    settings = _transcode_settings(config)
    maker = Maker(
        base.database,
        library.renditions,
        library.growing,
        library.lifecycle,
        library.ledger,
        library.progress,
        base.stores.spool,
    )
    sources = Sources(library.ledger, base.stores)
    prepare = Prepare(
        base.database,
        library.videos,
        library.lifecycle,
        library.renditions,
        library.timeline,
        sources,
        worker_launcher(config, nice=PREPARE_NICE),
        maker,
        settings,
    )

    def encoding(nice: int) -> Encoding:
        launcher, spool = worker_launcher(config, nice=nice), base.stores.spool
        return Encoding(base.database, library.lifecycle, library.renditions, sources, launcher, maker, spool)

    rooms = (base.database, library.videos, library.lifecycle, library.renditions)
    first = FirstRung(*rooms, encoding(min(FIRST_NICE, chosen.nice)), settings)
    ladder = Ladder(*rooms, encoding(chosen.nice), settings)
    settle = Settle(base.database, library.ledger, Settler(library.ledger, base.stores))
    crashes = Crashes(library.timeline)
    collect = Collect(base.database, Collector(library.ledger, base.stores), library.lifecycle)
    return [
        Lane("quick", QUICK_PLACES, {kinds.PREPARE: Quarantine(prepare, base.database, crashes)}),
        Lane("first", FIRST_PLACES, {kinds.FIRST: Quarantine(first, base.database, crashes)}),
        Lane("encode", chosen.workers, {kinds.LADDER: Quarantine(ladder, base.database, crashes)}),
        Lane("upkeep", 1, {kinds.SETTLE: settle, kinds.COLLECT: collect}),
    ]


def worker_launcher(config: Config, *, nice: int) -> WorkerLauncher:
    """Starts workers within the bounds that the configuration sets."""
    chosen = config.transcode
    return WorkerLauncher(
        stall_timeout_s=chosen.stall_timeout,
        nice=nice,
        memory_bytes=int(chosen.worker_memory),
        allow_unconfined=chosen.allow_unconfined,
    )


def packager(config: Config, *, may_copy: bool) -> Packager:
    """What makes HLS folders without a server."""
    launcher = worker_launcher(config, nice=config.transcode.nice)
    return Packager(launcher, _transcode_settings(config), may_copy=may_copy)


def _transcode_settings(config: Config) -> TranscodeSettings:
    return TranscodeSettings(rungs=_rungs(config), keep_original=config.transcode.keep_original)


def _rungs(config: Config) -> tuple[Rung, ...]:
    """The default ladder, as far as its heights are wanted; another height gets the ceiling of the next above."""
    chosen = config.transcode
    rungs = []
    for height in sorted({h for h in chosen.heights if h <= chosen.max_height}, reverse=True):
        nearest = min((rung for rung in DEFAULT_RUNGS if rung.height >= height), key=lambda r: r.height, default=None)
        model = nearest or DEFAULT_RUNGS[0]
        rungs.append(Rung(height, model.max_bitrate_bps, model.max_fps, chosen.crf))
    if not rungs:
        heights = ", ".join(str(height) for height in chosen.heights)
        raise ConfigError(f"transcode.max_height {chosen.max_height} leaves none of transcode.heights: {heights}.")
    return tuple(rungs)


def _services(
    config: Config,
    base: _Foundation,
    library: _Library,
    passwords: PasswordHashing,
    last_use: LastUse,
    pool: JobPool,
) -> Services:
    users = Users(base.database, passwords, base.clock)
    catalogue = Catalogue(library.videos, library.renditions, base.epoch)
    segments = Segments(catalogue, library.growing, library.ledger)
    rows = UploadRows(base.database)
    receiver = Receiver(
        base.database,
        rows,
        library.ledger,
        library.videos,
        library.lifecycle,
        library.progress,
        base.stores.spool,
        base.clock,
    )
    lifetime_s = config.accounts.session_lifetime
    return Services(
        clock=base.clock,
        database=base.database,
        bus=base.bus,
        users=users,
        setup=Setup(users),
        sign_in=SignIn(base.database, users, passwords, base.clock, lifetime_s=lifetime_s),
        credentials=Credentials(base.database, base.epoch, last_use, base.clock),
        last_use=last_use,
        videos=library.videos,
        listing=Listing(base.database),
        editor=Editor(base.database, library.news, base.clock),
        lifecycle=library.lifecycle,
        progress=library.progress,
        renditions=library.renditions,
        ledger=library.ledger,
        stores=base.stores,
        segments=segments,
        playlists=Playlists(catalogue, segments),
        media_reader=MediaReader(base.stores, HotSegments(config.storage.memory_cache)),
        uploads=rows,
        upload_creation=UploadCreation(
            base.database,
            rows,
            library.ledger,
            library.videos,
            library.lifecycle,
            library.news,
            base.stores.spool,
            base.clock,
            _upload_limits(config),
        ),
        receiver=receiver,
        termination=Termination(base.database, library.videos, library.lifecycle, receiver),
        queue=base.queue,
        pool=pool,
        workers=SelfReport(worker_launcher(config, nice=PREPARE_NICE), base.clock),
    )


def _upload_limits(config: Config) -> UploadLimits:
    return UploadLimits(
        max_size_bytes=int(config.uploads.max_size),
        minimum_free_bytes=int(config.uploads.minimum_free_space),
        chunk_size_bytes=int(config.uploads.chunk_size),
        default_visibility=Visibility(config.accounts.default_visibility),
    )


async def _flush_soft_facts(services: Services) -> None:
    while True:
        await asyncio.sleep(SOFT_FACTS_EVERY_S)
        try:
            await services.progress.flush()
            await services.last_use.flush()
        except Exception as error:  # noqa: BLE001  # they are soft: the next time may go better
            _log.warning("soft_facts_not_written", error=repr(error))
