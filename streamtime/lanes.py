"""What works the queue off: handlers with what they need, workers with their bounds, and the lanes they run in."""

from streamtime.care import caretaker
from streamtime.config.sections import Config
from streamtime.errors import ConfigError
from streamtime.hls.ladder import DEFAULT_RUNGS, Rung
from streamtime.jobs.job import Lane
from streamtime.library import work as kinds
from streamtime.library.crashes import Crashes
from streamtime.library.poster_choice import POSTER
from streamtime.objects.carrying import Carrier
from streamtime.objects.multiparts import Multiparts
from streamtime.objects.settle import Settler
from streamtime.pipeline.chosen_poster import ChosenPoster
from streamtime.pipeline.encoding import Encoding
from streamtime.pipeline.expiry import Expire
from streamtime.pipeline.fetching import Fetcher
from streamtime.pipeline.first_rung import FirstRung
from streamtime.pipeline.ladder import Ladder
from streamtime.pipeline.making import Maker
from streamtime.pipeline.packaging import Packager
from streamtime.pipeline.prepare import Prepare
from streamtime.pipeline.quarantine import Quarantine
from streamtime.pipeline.quiet_hours import QuietHours
from streamtime.pipeline.records import Records
from streamtime.pipeline.restraint import Restraint, Rules
from streamtime.pipeline.settings import TranscodeSettings
from streamtime.pipeline.sounds import OtherSounds
from streamtime.pipeline.source import Sources
from streamtime.pipeline.staging import Staging
from streamtime.pipeline.stills import Stills
from streamtime.pipeline.supervision import Supervision
from streamtime.pipeline.upkeep import Collect, Reconcile, Scrub, Settle
from streamtime.rooms import Foundation, Keeping, Library, audit_term, bin_on, upload_expiry
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

PORTRAIT_AT_MOST_S = 60.0
PORTRAIT_MEMORY_BYTES = 1 << 30
"""A picture of as many pixels as are let in, 16 bits deep and with a layer that can be seen through, takes half."""

SETTLE_PLACES = 2
"""Over a slow line a film takes hours: what is small must not wait behind it, and deleting behind neither."""


def lanes(config: Config, base: Foundation, library: Library, keeping: Keeping) -> list[Lane]:
    """All lanes, with the handlers of their jobs."""
    chosen = config.transcode
    settings = _transcode_settings(config)
    restraint = _restraint(config, base, library)
    supervision = Supervision(library.timeline, library.progress, library.roster, restraint, base.clock)
    records = Records(base.database, library.videos, library.lifecycle, library.renditions, library.timeline)
    spool = base.stores.spool
    maker = Maker(records, library.growing, library.ledger, supervision, spool, library.captions)
    fetcher = Fetcher(base.stores, minimum_free_bytes=int(chosen.minimum_free_space))
    sources = Sources(library.ledger, base.stores, fetcher)
    at_once = worker_launcher(config, nice=PREPARE_NICE)
    at_leisure = worker_launcher(config, nice=chosen.nice)
    prepare = Prepare(records, sources, at_once, at_leisure, maker, settings)
    sounds = OtherSounds(records, sources, at_leisure, maker)

    def encoding(nice: int) -> Encoding:
        return Encoding(records, sources, worker_launcher(config, nice=nice), maker, spool)

    first = FirstRung(records, encoding(min(FIRST_NICE, chosen.nice)), settings)
    ladder = Ladder(records, encoding(chosen.nice), sounds, settings)
    staging = Staging(base.database, library.ledger, library.lifecycle, spool)
    stills = Stills(records, sources, at_leisure, staging)
    poster = ChosenPoster(records, sources, at_once, staging)
    multiparts = Multiparts(base.database, base.clock)
    settle = Settle(
        base.database,
        library.ledger,
        Settler(library.ledger, base.stores, carrier(config, base, multiparts)),
    )
    crashes = Crashes(library.timeline)
    care = caretaker(config, base, library, keeping)
    expire = Expire(
        base.database,
        bin_on(config, base, library),
        upload_expiry(config, base, library),
        audit_term(config, base),
    )
    return [
        Lane(
            "quick",
            QUICK_PLACES,
            {kinds.PREPARE: Quarantine(prepare, base.database, crashes), POSTER: poster},
        ),
        Lane(
            "first",
            FIRST_PLACES,
            {kinds.FIRST: Quarantine(first, base.database, crashes)},
            memory_budget(config) - ladder_budget(config),
        ),
        Lane(
            "encode",
            chosen.workers,
            {kinds.LADDER: Quarantine(ladder, base.database, crashes)},
            ladder_budget(config),
            {kinds.LADDER: restraint},
        ),
        Lane("stills", 1, {kinds.STILLS: stills}),
        Lane("settle", SETTLE_PLACES, {kinds.SETTLE: settle}),
        Lane("upkeep", 1, {kinds.EXPIRE: expire, kinds.COLLECT: Collect(care)}),
        Lane("reconcile", 1, {kinds.RECONCILE: Reconcile(care)}),
        Lane("scrub", 1, {kinds.SCRUB: Scrub(care)}),
    ]


def carrier(config: Config, base: Foundation, multiparts: Multiparts) -> Carrier:
    """Copies objects between stores as the configuration wants it."""
    return Carrier(multiparts, base.stores, read_back=config.storage.s3.read_back)


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
        stall_timeout_s=min(PORTRAIT_AT_MOST_S, chosen.stall_timeout),
        wall_timeout_s=PORTRAIT_AT_MOST_S,
        nice=PREPARE_NICE,
        memory_bytes=min(PORTRAIT_MEMORY_BYTES, int(chosen.worker_memory)),
        allow_unconfined=chosen.allow_unconfined,
    )


def packager(config: Config, *, may_copy: bool, asked_for: bool) -> Packager:
    """What makes HLS folders without a server; `asked_for` says that all heights of the ladder are to be made."""
    launcher = worker_launcher(config, nice=config.transcode.nice)
    return Packager(launcher, _transcode_settings(config), may_copy=may_copy, asked_for=asked_for)


def _transcode_settings(config: Config) -> TranscodeSettings:
    chosen = config.transcode
    # A worker is ended beyond a bound of its own: one pass stays well below that.
    budget = min(ladder_budget(config), int(chosen.worker_memory) * 4 // 5)
    return TranscodeSettings(rungs=rungs(config), keep_original=chosen.keep_original, memory_budget_bytes=budget)


def _restraint(config: Config, base: Foundation, library: Library) -> Restraint:
    chosen = config.transcode
    hours = QuietHours.parse(chosen.quiet_hours)
    rules = Rules(int(chosen.minimum_free_space), hours, yield_to_viewers=chosen.yield_to_viewers)
    return Restraint(rules, library.watching, base.stores.spool, base.clock)


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
