"""Composition of storage maintenance, for the server and for `streamtime gc`."""

from streamtime.app.core import Infrastructure, StoreRecords, build_automatic_backups
from streamtime.app.videos import build_retentions, build_upload_expiry
from streamtime.config.sections import Config
from streamtime.http.services import MaintenanceServices, VideoServices
from streamtime.maintenance.alerts import AdminAlerts
from streamtime.maintenance.backup.automatic import DatabaseBackups, MaintenanceIntervals
from streamtime.maintenance.expiry import ExpiryScheduler
from streamtime.maintenance.garbage_collection import GarbageCollector
from streamtime.maintenance.jobs import MaintenanceScheduler
from streamtime.maintenance.orphans import Orphans
from streamtime.maintenance.overview import StorageOverview
from streamtime.maintenance.reconcile import OrphanRetention, Reconciler
from streamtime.maintenance.runner import MaintenanceRunner
from streamtime.maintenance.scrub import Scrubber, ScrubPolicy
from streamtime.maintenance.space_history import SpaceHistory
from streamtime.storage.objects.ledger import ObjectLocations
from streamtime.videos.damage import DamageReporter
from streamtime.videos.deletion import Tombstones
from streamtime.videos.job_kinds import WorkQueue


def build_maintenance(
    config: Config, base: Infrastructure, videos: VideoServices, records: StoreRecords
) -> MaintenanceServices:
    """Build the services for storage maintenance, expiry and backups."""
    backups = DatabaseBackups(
        base.database,
        build_automatic_backups(config),
        base.clock,
        backup_intervals(config),
    )
    return MaintenanceServices(
        overview=StorageOverview(
            records.inventory,
            ObjectLocations(base.database),
            Orphans(base.database, base.clock),
            base.stores,
            records.ownership,
            records.log,
        ),
        scheduler=MaintenanceScheduler(
            base.database,
            WorkQueue(base.queue),
            records.ownership,
            records.log,
            _scrubber(config, base, records),
            reconcile_every_s=config.storage.reconcile_every,
        ),
        expiry=ExpiryScheduler(
            base.database,
            WorkQueue(base.queue),
            videos.trash,
            build_upload_expiry(config, base, videos),
            build_retentions(config, base),
            base.clock,
        ),
        database_backups=backups,
        space_history=SpaceHistory(base.database, ObjectLocations(base.database), base.stores.spool, base.clock),
        alerts=AdminAlerts(
            base.database,
            base.notices,
            base.stores.spool,
            backups,
            base.clock,
            minimum_free_bytes=int(config.transcode.minimum_free_space),
        ),
        damage_reporter=_damage_reporter(base, videos),
    )


def backup_intervals(config: Config) -> MaintenanceIntervals:
    """Return the intervals of database copies and checks."""
    return MaintenanceIntervals(config.backup.every, config.backup.check_every)


def build_maintenance_runner(
    config: Config, base: Infrastructure, videos: VideoServices, records: StoreRecords
) -> MaintenanceRunner:
    """Build the runner of garbage collection, reconciliation and scrub."""
    chosen = config.storage
    retention = OrphanRetention(grace_ms=chosen.stray_age * 1000, quarantine_ms=chosen.aside_for * 1000)
    return MaintenanceRunner(
        records.log,
        GarbageCollector(base.ledger, records.inventory, base.stores, records.ownership, records.leases),
        Tombstones(base.database, WorkQueue(base.queue), base.ledger),
        Reconciler(base.database, records.inventory, base.stores, records.ownership, base.clock, retention),
        _scrubber(config, base, records),
        _damage_reporter(base, videos),
    )


def _damage_reporter(base: Infrastructure, videos: VideoServices) -> DamageReporter:
    return DamageReporter(base.database, videos.timeline)


def _scrubber(config: Config, base: Infrastructure, records: StoreRecords) -> Scrubber:
    chosen = config.storage
    policy = ScrubPolicy(every_ms=chosen.scrub_every * 1000, bytes_per_s=int(chosen.scrub_rate))
    return Scrubber(base.database, records.inventory, base.stores, base.clock, policy)
