"""What works the queue off: handlers with what they need, workers with their bounds, and the lanes they run in."""

from streamtime.config.sections import Config
from streamtime.errors import ConfigError
from streamtime.hls.ladder import DEFAULT_RUNGS, Rung
from streamtime.jobs.job import Lane
from streamtime.library import work as kinds
from streamtime.library.crashes import Crashes
from streamtime.library.poster_choice import POSTER
from streamtime.objects.collect import Collector
from streamtime.objects.settle import Settler
from streamtime.pipeline.chosen_poster import ChosenPoster
from streamtime.pipeline.encoding import Encoding
from streamtime.pipeline.expiry import Expire
from streamtime.pipeline.first_rung import FirstRung
from streamtime.pipeline.ladder import Ladder
from streamtime.pipeline.making import Maker
from streamtime.pipeline.packaging import Packager
from streamtime.pipeline.prepare import Prepare
from streamtime.pipeline.quarantine import Quarantine
from streamtime.pipeline.quiet_hours import QuietHours
from streamtime.pipeline.restraint import Restraint, Rules
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.pipeline.sounds import OtherSounds
from streamtime.pipeline.source import Sources
from streamtime.pipeline.staging import Staging
from streamtime.pipeline.stills import Stills
from streamtime.pipeline.supervision import Supervision
from streamtime.pipeline.upkeep import Collect, Settle
from streamtime.rooms import Foundation, Library, bin_on, upload_expiry
from streamtime.workers.launcher import WorkerLauncher
from streamtime.workers.machine import memory_bytes

QUICK_PLACES = 2
"""Attempts at once of jobs that a person waits for: they copy rather than encode."""

PREPARE_NICE = 0
"""Somebody waits for it, and it takes moments: only encoders stand back."""

FIRST_PLACES = 2
"""First rungs at once: a clip does not wait behind a film."""

FIRST_NICE = 5
"""Somebody waits for it: it goes before ladders, though not before the server itself."""


def lanes(config: Config, base: Foundation, library: Library) -> list[Lane]:
    """All lanes, with the handlers of their jobs."""
    chosen = config.transcode
    settings = _transcode_settings(config)
    restraint = _restraint(config, base, library)
    supervision = Supervision(library.timeline, library.progress, library.roster, restraint, base.clock)
    maker = Maker(
        base.database,
        library.renditions,
        library.growing,
        library.lifecycle,
        library.ledger,
        supervision,
        base.stores.spool,
        library.captions,
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
    at_leisure = worker_launcher(config, nice=chosen.nice)
    told = (base.database, library.lifecycle, library.renditions, library.timeline)
    sounds = OtherSounds(*told, sources, at_leisure, maker)

    def encoding(nice: int) -> Encoding:
        launcher, spool = worker_launcher(config, nice=nice), base.stores.spool
        return Encoding(base.database, library.lifecycle, library.renditions, sources, launcher, maker, spool)

    rooms = (base.database, library.videos, library.lifecycle, library.renditions)
    first = FirstRung(*rooms, encoding(min(FIRST_NICE, chosen.nice)), settings)
    ladder = Ladder(*rooms, encoding(chosen.nice), sounds, settings)
    staging = Staging(base.database, library.ledger, library.lifecycle, base.stores.spool)
    stills = Stills(*rooms, library.timeline, sources, at_leisure, staging)
    poster = ChosenPoster(*rooms, library.timeline, sources, worker_launcher(config, nice=PREPARE_NICE), staging)
    settle = Settle(base.database, library.ledger, Settler(library.ledger, base.stores))
    crashes = Crashes(library.timeline)
    collect = Collect(base.database, Collector(library.ledger, base.stores), library.lifecycle)
    expire = Expire(base.database, bin_on(config, base, library), upload_expiry(config, base, library))
    return [
        Lane(
            "quick",
            QUICK_PLACES,
            {kinds.PREPARE: Quarantine(prepare, base.database, crashes), POSTER: poster},
        ),
        Lane("first", FIRST_PLACES, {kinds.FIRST: Quarantine(first, base.database, crashes)}),
        Lane(
            "encode",
            chosen.workers,
            {kinds.LADDER: Quarantine(ladder, base.database, crashes)},
            memory_budget(config),
            {kinds.LADDER: restraint},
        ),
        Lane("stills", 1, {kinds.STILLS: stills}),
        Lane("upkeep", 1, {kinds.SETTLE: settle, kinds.COLLECT: collect, kinds.EXPIRE: expire}),
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


def packager(config: Config, *, may_copy: bool, asked_for: bool) -> Packager:
    """What makes HLS folders without a server; `asked_for` says that all heights of the ladder are to be made."""
    launcher = worker_launcher(config, nice=config.transcode.nice)
    return Packager(launcher, _transcode_settings(config), may_copy=may_copy, asked_for=asked_for)


def _transcode_settings(config: Config) -> TranscodeSettings:
    chosen = config.transcode
    # A worker is ended beyond a bound of its own: one pass stays well below that.
    budget = min(memory_budget(config), int(chosen.worker_memory) * 4 // 5)
    return TranscodeSettings(rungs=rungs(config), keep_original=chosen.keep_original, memory_budget_bytes=budget)


def _restraint(config: Config, base: Foundation, library: Library) -> Restraint:
    chosen = config.transcode
    hours = QuietHours.parse(chosen.quiet_hours)
    rules = Rules(int(chosen.minimum_free_space), hours, yield_to_viewers=chosen.yield_to_viewers)
    return Restraint(rules, library.watching, base.stores.spool, base.clock)


def memory_budget(config: Config) -> int:
    """What encoders may have together: as chosen, or half of what there is."""
    return int(config.transcode.memory_budget) or memory_bytes() // 2


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
