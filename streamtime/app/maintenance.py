"""Composition of storage maintenance, for the server and for `streamtime gc`."""

from streamtime.app.core import Infrastructure, MaintenanceServices, VideoServices
from streamtime.config.sections import Config
from streamtime.maintenance.garbage_collection import GarbageCollector
from streamtime.maintenance.jobs import MaintenanceScheduler
from streamtime.maintenance.reconcile import OrphanRetention, Reconciler
from streamtime.maintenance.runner import MaintenanceRunner
from streamtime.maintenance.scrub import Scrubber, ScrubPolicy
from streamtime.videos.job_kinds import WorkQueue


def build_maintenance_runner(
    config: Config, base: Infrastructure, video_services: VideoServices, maintenance: MaintenanceServices
) -> MaintenanceRunner:
    """Build the runner of garbage collection, reconciliation and scrub."""
    chosen = config.storage
    retention = OrphanRetention(grace_ms=chosen.stray_age * 1000, quarantine_ms=chosen.aside_for * 1000)
    return MaintenanceRunner(
        base.database,
        video_services.lifecycle,
        video_services.damage_reporter,
        maintenance.log,
        GarbageCollector(
            video_services.ledger, maintenance.inventory, base.stores, maintenance.ownership, maintenance.leases
        ),
        Reconciler(base.database, maintenance.inventory, base.stores, maintenance.ownership, base.clock, retention),
        _scrubber(config, base, maintenance),
    )


def build_maintenance_scheduler(
    config: Config, base: Infrastructure, maintenance: MaintenanceServices
) -> MaintenanceScheduler:
    """Build the scheduler of storage maintenance."""
    return MaintenanceScheduler(
        base.database,
        WorkQueue(base.queue),
        base.stores,
        maintenance.ownership,
        maintenance.log,
        _scrubber(config, base, maintenance),
        base.clock,
        reconcile_every_s=config.storage.reconcile_every,
    )


def _scrubber(config: Config, base: Infrastructure, maintenance: MaintenanceServices) -> Scrubber:
    chosen = config.storage
    policy = ScrubPolicy(every_ms=chosen.scrub_every * 1000, bytes_per_s=int(chosen.scrub_rate))
    return Scrubber(base.database, maintenance.inventory, base.stores, base.clock, policy)
