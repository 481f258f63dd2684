"""Composition of the job queues: handlers, workers with their limits, and the concurrency of the queues."""

from streamtime.app.core import Infrastructure, StoreRecords
from streamtime.app.maintenance import build_maintenance_runner
from streamtime.app.videos import SharedState, build_retentions, build_upload_expiry
from streamtime.app.workers import PREPARE_NICE, worker_launcher
from streamtime.config.sections import Config
from streamtime.errors import ConfigError
from streamtime.hls.ladder import DEFAULT_RUNGS, Rung
from streamtime.http.services import JobServices, VideoServices
from streamtime.jobs.job import QueueConfig
from streamtime.jobs.pool import JobPool
from streamtime.jobs.queue import JobOverview
from streamtime.maintenance.expiry import ExpireHandler
from streamtime.maintenance.jobs import CollectHandler, FinalizeHandler, ReconcileHandler, ScrubHandler
from streamtime.storage.objects.copy import MultipartUploads, ObjectCopier, ObjectFinalizer
from streamtime.transcoding.admission import AdmissionRules, EncodeAdmission, QueueStatus, QuietHours
from streamtime.transcoding.cut import CutHandler
from streamtime.transcoding.handlers import FirstRungHandler, LadderHandler, PrepareHandler
from streamtime.transcoding.job_context import LibraryServices, TranscodeSettings, VideoRecords
from streamtime.transcoding.outcome import CrashQuarantine
from streamtime.transcoding.package import Packager
from streamtime.transcoding.passes import Passes
from streamtime.transcoding.source import Fetcher, Sources
from streamtime.transcoding.stills import PosterHandler, Staging, StillsHandler
from streamtime.transcoding.supervision import OrderMonitor
from streamtime.videos import job_kinds
from streamtime.videos.events import CrashCounter
from streamtime.workers.launcher import ConfinementCheck
from streamtime.workers.process import memory_bytes

QUICK_CONCURRENCY = 2
"""Concurrent quick jobs, which a person waits for: they copy instead of encoding."""

FIRST_CONCURRENCY = 2
"""Concurrent first rungs, so that a clip does not wait behind a film."""

FIRST_NICE = 5
"""A person waits for it: higher priority than ladders, lower than the server."""

SETTLE_CONCURRENCY = 2
"""Concurrent copies into the store: on a slow connection a film takes hours, and small files must not wait for it."""


def build_jobs(
    config: Config, base: Infrastructure, videos: VideoServices, shared: SharedState, store_records: StoreRecords
) -> JobServices:
    """Build the pool with all its queues and handlers, and what shows their state."""
    admission = EncodeAdmission(admission_rules(config), shared.viewer_activity, base.stores.spool, base.clock)
    queues = _queues(config, base, videos, shared, store_records, admission)
    pool = JobPool(base.queue, queues, base.clock)
    overview = JobOverview(base.database)
    return JobServices(
        queue=base.queue,
        pool=pool,
        overview=overview,
        status=QueueStatus(overview, pool, videos.repository, videos.progress, base.clock),
        admission=admission,
        workers=shared.workers,
        confinement=ConfinementCheck(worker_launcher(config, nice=PREPARE_NICE), base.clock),
    )


def _queues(
    config: Config,
    base: Infrastructure,
    videos: VideoServices,
    shared: SharedState,
    store_records: StoreRecords,
    admission: EncodeAdmission,
) -> list[QueueConfig]:
    chosen = config.transcode
    settings = _transcode_settings(config)
    monitor = OrderMonitor(videos.timeline, videos.progress, shared.workers, admission, base.clock)
    records = VideoRecords(
        base.database, videos.repository, videos.lifecycle, videos.renditions, videos.captions, videos.timeline
    )
    spool = base.stores.spool
    fetcher = Fetcher(base.stores, minimum_free_bytes=lambda: admission.rules.minimum_free_bytes)
    sources = Sources(base.ledger, base.stores, fetcher)
    services = LibraryServices(records, base.ledger, shared.growing, monitor, sources, spool)
    normal_priority = worker_launcher(config, nice=PREPARE_NICE)
    low_priority = worker_launcher(config, nice=chosen.nice)
    first_priority = worker_launcher(config, nice=min(FIRST_NICE, chosen.nice))
    background = Passes(low_priority, settings)
    prepare = PrepareHandler(services, Passes(normal_priority, settings), background, settings)
    first = FirstRungHandler(services, Passes(first_priority, settings), settings)
    ladder = LadderHandler(services, background, settings)
    staging = Staging(base.database, base.ledger, videos.lifecycle, spool)
    stills = StillsHandler(records, sources, low_priority, staging)
    poster = PosterHandler(records, sources, normal_priority, staging)
    cut = CutHandler(records, videos.cuts, sources, first_priority, staging, videos.progress)
    multiparts = MultipartUploads(base.database, base.clock)
    finalize = FinalizeHandler(
        base.database,
        base.ledger,
        ObjectFinalizer(base.ledger, base.stores, build_copier(config, base, multiparts)),
    )
    crashes = CrashCounter(videos.timeline)
    runner = build_maintenance_runner(config, base, videos, store_records)
    expire = ExpireHandler(
        base.database,
        videos.trash,
        build_upload_expiry(config, base, videos),
        build_retentions(config, base),
    )
    return [
        QueueConfig(
            "quick",
            QUICK_CONCURRENCY,
            {job_kinds.PREPARE: CrashQuarantine(prepare, base.database, crashes), job_kinds.POSTER: poster},
        ),
        QueueConfig(
            "first",
            FIRST_CONCURRENCY,
            {job_kinds.FIRST: CrashQuarantine(first, base.database, crashes)},
            memory_budget(config) - ladder_budget(config),
        ),
        QueueConfig(
            "encode",
            chosen.workers,
            {job_kinds.LADDER: CrashQuarantine(ladder, base.database, crashes)},
            ladder_budget(config),
            {job_kinds.LADDER: admission},
        ),
        QueueConfig("cut", 1, {job_kinds.CUT: CrashQuarantine(cut, base.database, crashes)}),
        QueueConfig("stills", 1, {job_kinds.STILLS: stills}),
        QueueConfig("settle", SETTLE_CONCURRENCY, {job_kinds.SETTLE: finalize}),
        QueueConfig("upkeep", 1, {job_kinds.EXPIRE: expire, job_kinds.COLLECT: CollectHandler(runner)}),
        QueueConfig("reconcile", 1, {job_kinds.RECONCILE: ReconcileHandler(runner)}),
        QueueConfig("scrub", 1, {job_kinds.SCRUB: ScrubHandler(runner)}),
    ]


def build_copier(config: Config, base: Infrastructure, multiparts: MultipartUploads) -> ObjectCopier:
    """Build the copier between stores."""
    return ObjectCopier(multiparts, base.stores, read_back=config.storage.s3.read_back)


def packager(config: Config, *, may_copy: bool, explicit_heights: bool) -> Packager:
    """Build the packager of HLS folders. `explicit_heights` means that all heights of the ladder are encoded."""
    launcher = worker_launcher(config, nice=config.transcode.nice)
    return Packager(launcher, _transcode_settings(config), may_copy=may_copy, explicit_heights=explicit_heights)


def _transcode_settings(config: Config) -> TranscodeSettings:
    chosen = config.transcode
    # A worker has its own memory limit: one pass stays well below it.
    budget = min(ladder_budget(config), int(chosen.worker_memory) * 4 // 5)
    return TranscodeSettings(rungs=rungs(config), keep_original=chosen.keep_original, memory_budget_bytes=budget)


def admission_rules(config: Config) -> AdmissionRules:
    """Return the rules by which encodes wait."""
    chosen = config.transcode
    hours = QuietHours.parse(chosen.quiet_hours)
    return AdmissionRules(int(chosen.minimum_free_space), hours, yield_to_viewers=chosen.yield_to_viewers)


def memory_budget(config: Config) -> int:
    """Return the memory for all encoders together: as configured, or half of the machine's."""
    return int(config.transcode.memory_budget) or memory_bytes() // 2


def ladder_budget(config: Config) -> int:
    """Return the memory for ladders. The rest is reserved for first rungs, which must not wait for a ladder."""
    return memory_budget(config) * 3 // 4


def rungs(config: Config) -> tuple[Rung, ...]:
    """Return the ladder for the configured heights; a custom height gets the bitrate limit of the next one above."""
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
