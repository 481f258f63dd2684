"""What works the queue off: handlers with what they need, workers with their bounds, and the lanes they run in."""

from streamtime.app.core import (
    Infrastructure,
    MaintenanceServices,
    VideoServices,
    build_audit_retention,
    build_trash,
    build_upload_expiry,
)
from streamtime.app.maintenance import build_maintenance_runner
from streamtime.config.sections import Config
from streamtime.errors import ConfigError
from streamtime.hls.ladder import DEFAULT_RUNGS, Rung
from streamtime.jobs.job import QueueConfig
from streamtime.maintenance.expiry import ExpireHandler
from streamtime.maintenance.scheduler import CollectHandler, FinalizeHandler, ReconcileHandler, ScrubHandler
from streamtime.storage.objects.copy import MultipartUploads, ObjectCopier, ObjectFinalizer
from streamtime.transcoding.admission import AdmissionRules, EncodeAdmission, QuietHours
from streamtime.transcoding.encode import EncodeRunner, FirstRungHandler, LadderHandler
from streamtime.transcoding.extra_audio import ExtraAudio
from streamtime.transcoding.job_context import TranscodeSettings, VideoRecords
from streamtime.transcoding.order_runner import OrderRunner
from streamtime.transcoding.package.packager import Packager
from streamtime.transcoding.poster import PosterHandler
from streamtime.transcoding.prepare import PrepareHandler
from streamtime.transcoding.quarantine import CrashQuarantine
from streamtime.transcoding.source import Fetcher, Sources
from streamtime.transcoding.staging import Staging
from streamtime.transcoding.stills import StillsHandler
from streamtime.transcoding.supervision import OrderMonitor
from streamtime.videos import job_kinds
from streamtime.videos.editing import POSTER
from streamtime.videos.events import CrashCounter
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.process import memory_bytes

QUICK_CONCURRENCY = 2
"""Attempts at once of jobs that a person waits for: they copy rather than encode."""

PREPARE_NICE = 0
"""Somebody waits for it, and it takes moments: only encoders stand back."""

FIRST_CONCURRENCY = 2
"""First rungs at once: a clip does not wait behind a film."""

FIRST_NICE = 5
"""Somebody waits for it: it goes before ladders, though not before the server itself."""

PORTRAIT_TIMEOUT_S = 60.0
PORTRAIT_MEMORY_BYTES = 1 << 30
"""A picture of as many pixels as are let in, 16 bits deep and with a layer that can be seen through, takes half."""

SETTLE_CONCURRENCY = 2
"""Over a slow line a film takes hours: what is small must not wait behind it, and deleting behind neither."""


def job_queues(
    config: Config, base: Infrastructure, library: VideoServices, maintenance: MaintenanceServices
) -> list[QueueConfig]:
    """All lanes, with the handlers of their jobs."""
    chosen = config.transcode
    settings = _transcode_settings(config)
    restraint = _build_admission(config, base, library)
    supervision = OrderMonitor(library.timeline, library.progress, library.worker_registry, restraint, base.clock)
    records = VideoRecords(base.database, library.videos, library.lifecycle, library.renditions, library.timeline)
    spool = base.stores.spool
    maker = OrderRunner(records, library.growing, library.ledger, supervision, spool, library.captions)
    fetcher = Fetcher(base.stores, minimum_free_bytes=int(chosen.minimum_free_space))
    sources = Sources(library.ledger, base.stores, fetcher)
    at_once = worker_launcher(config, nice=PREPARE_NICE)
    at_leisure = worker_launcher(config, nice=chosen.nice)
    prepare = PrepareHandler(records, sources, at_once, at_leisure, maker, settings)
    sounds = ExtraAudio(records, sources, at_leisure, maker)

    def encoding(nice: int) -> EncodeRunner:
        return EncodeRunner(records, sources, worker_launcher(config, nice=nice), maker, spool)

    first = FirstRungHandler(records, encoding(min(FIRST_NICE, chosen.nice)), settings)
    ladder = LadderHandler(records, encoding(chosen.nice), sounds, settings)
    staging = Staging(base.database, library.ledger, library.lifecycle, spool)
    stills = StillsHandler(records, sources, at_leisure, staging)
    poster = PosterHandler(records, sources, at_once, staging)
    multiparts = MultipartUploads(base.database, base.clock)
    settle = FinalizeHandler(
        base.database,
        library.ledger,
        ObjectFinalizer(library.ledger, base.stores, build_copier(config, base, multiparts)),
    )
    crashes = CrashCounter(library.timeline)
    care = build_maintenance_runner(config, base, library, maintenance)
    expire = ExpireHandler(
        base.database,
        build_trash(config, base, library),
        build_upload_expiry(config, base, library),
        build_audit_retention(config, base),
    )
    return [
        QueueConfig(
            "quick",
            QUICK_CONCURRENCY,
            {job_kinds.PREPARE: CrashQuarantine(prepare, base.database, crashes), POSTER: poster},
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
            {job_kinds.LADDER: restraint},
        ),
        QueueConfig("stills", 1, {job_kinds.STILLS: stills}),
        QueueConfig("settle", SETTLE_CONCURRENCY, {job_kinds.SETTLE: settle}),
        QueueConfig("upkeep", 1, {job_kinds.EXPIRE: expire, job_kinds.COLLECT: CollectHandler(care)}),
        QueueConfig("reconcile", 1, {job_kinds.RECONCILE: ReconcileHandler(care)}),
        QueueConfig("scrub", 1, {job_kinds.SCRUB: ScrubHandler(care)}),
    ]


def build_copier(config: Config, base: Infrastructure, multiparts: MultipartUploads) -> ObjectCopier:
    """Copies objects between stores as the configuration wants it."""
    return ObjectCopier(multiparts, base.stores, read_back=config.storage.s3.read_back)


def worker_launcher(config: Config, *, nice: int) -> WorkerLauncher:
    """Starts workers within the bounds that the configuration sets."""
    chosen = config.transcode
    return WorkerLauncher(
        stall_timeout_s=chosen.stall_timeout,
        nice=nice,
        memory_bytes=int(chosen.worker_memory),
        allow_unconfined=chosen.allow_unconfined,
    )


def portrait_launcher(config: Config) -> WorkerLauncher:
    """The same for pictures of people: the person who sent one waits for the answer to a request."""
    chosen = config.transcode
    return WorkerLauncher(
        stall_timeout_s=min(PORTRAIT_TIMEOUT_S, chosen.stall_timeout),
        wall_timeout_s=PORTRAIT_TIMEOUT_S,
        nice=PREPARE_NICE,
        memory_bytes=min(PORTRAIT_MEMORY_BYTES, int(chosen.worker_memory)),
        allow_unconfined=chosen.allow_unconfined,
    )


def packager(config: Config, *, may_copy: bool, explicit_heights: bool) -> Packager:
    """What makes HLS folders without a server; `asked_for` says that all heights of the ladder are to be made."""
    launcher = worker_launcher(config, nice=config.transcode.nice)
    return Packager(launcher, _transcode_settings(config), may_copy=may_copy, explicit_heights=explicit_heights)


def _transcode_settings(config: Config) -> TranscodeSettings:
    chosen = config.transcode
    # A worker is ended beyond a bound of its own: one pass stays well below that.
    budget = min(ladder_budget(config), int(chosen.worker_memory) * 4 // 5)
    return TranscodeSettings(rungs=rungs(config), keep_original=chosen.keep_original, memory_budget_bytes=budget)


def _build_admission(config: Config, base: Infrastructure, library: VideoServices) -> EncodeAdmission:
    chosen = config.transcode
    hours = QuietHours.parse(chosen.quiet_hours)
    rules = AdmissionRules(int(chosen.minimum_free_space), hours, yield_to_viewers=chosen.yield_to_viewers)
    return EncodeAdmission(rules, library.viewer_activity, base.stores.spool, base.clock)


def memory_budget(config: Config) -> int:
    """What encoders may have together: as chosen, or half of what there is."""
    return int(config.transcode.memory_budget) or memory_bytes() // 2


def ladder_budget(config: Config) -> int:
    """What of it ladders may have. The rest is kept for first rungs: they wait for no ladder, not for memory either."""
    return memory_budget(config) * 3 // 4


def rungs(config: Config) -> tuple[Rung, ...]:
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
