"""What looks after bytes, built with the times and the pace of the configuration: for the server and for `gc`."""

from streamtime.config.sections import Config
from streamtime.library.work import Work
from streamtime.objects.collect import Collector
from streamtime.objects.reconcile import Patience, Reconciler
from streamtime.objects.scrub import Pace, Scrubber
from streamtime.pipeline.caretaker import Caretaker
from streamtime.pipeline.rounds import Rounds
from streamtime.rooms import Foundation, Keeping, Library


def caretaker(config: Config, base: Foundation, library: Library, keeping: Keeping) -> Caretaker:
    """What collects, reconciles and scrubs."""
    chosen = config.storage
    patience = Patience(watched_ms=chosen.stray_age * 1000, aside_ms=chosen.aside_for * 1000)
    return Caretaker(
        base.database,
        library.lifecycle,
        library.damage,
        keeping.upkeep,
        Collector(library.ledger, keeping.inventory, base.stores, keeping.deployment, keeping.holds),
        Reconciler(base.database, keeping.inventory, base.stores, keeping.deployment, base.clock, patience),
        _scrubber(config, base, keeping),
    )


def rounds(config: Config, base: Foundation, keeping: Keeping) -> Rounds:
    """When it is done by itself."""
    return Rounds(
        base.database,
        Work(base.queue),
        base.stores,
        keeping.deployment,
        keeping.upkeep,
        _scrubber(config, base, keeping),
        base.clock,
        reconcile_every_s=config.storage.reconcile_every,
    )


def _scrubber(config: Config, base: Foundation, keeping: Keeping) -> Scrubber:
    chosen = config.storage
    pace = Pace(every_ms=chosen.scrub_every * 1000, bytes_per_s=int(chosen.scrub_rate))
    return Scrubber(base.database, keeping.inventory, base.stores, base.clock, pace)
