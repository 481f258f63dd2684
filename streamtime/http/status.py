"""What an administrator needs to know about the server: each part with its state, and what to do if it has a fault.

Used by the page `/admin`, by `GET /api/v1/admin/status`, and by the command `status`, which reads the same without the
server. Each store is asked whether it answers, for a few seconds at most.
"""

import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from litestar import Request
from litestar.datastructures import State

from streamtime import periodic
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.errors import StreamtimeError
from streamtime.formatting import age_text, size_text
from streamtime.http.health import store_states
from streamtime.http.public_urls import is_plain_http, untrusted_proxy
from streamtime.http.services import HttpSettings, JobServices, MaintenanceServices, StorageServices
from streamtime.maintenance.overview import StorageSummary, StoreSummary
from streamtime.maintenance.space_history import LEAST_DAYS, DiskDay, full_in_days
from streamtime.storage.objects.ledger import SPOOL
from streamtime.storage.objects.stores import StoreStatus, status_message
from streamtime.translation import gettext, gettext_noop, ngettext
from streamtime.version import VERSION
from streamtime.videos.trash import DAY_MS
from streamtime.workers.failure import WorkerFailed
from streamtime.workers.launcher import format_layers

RECENT_MS = DAY_MS
"""Failed jobs count for a day."""

_HOUR_MS, _MINUTE_MS = 3_600_000, 60_000

GROWTH_DAYS = 7
"""The days over which the growth of the library is measured."""

FAR_DAYS = 1_000
"""A disk that is full later than this is not worth a word."""

STORE_NAMES = {
    "spool": gettext_noop("Upload buffer (spool)"),
    "local": gettext_noop("Local disk"),
    "s3": gettext_noop("Bucket (S3)"),
}

CLOCK_TOLERANCE_MS = 60_000
"""A newest entry in the database may be this far in the future."""

BACKUP_OVERDUE = 3
"""The newest copy of the database is overdue after this many intervals."""


class StatusLevel(StrEnum):
    """The state of a part: well, worth knowing, or broken."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class StatusItem:
    """One part. `advice` says what to do; `href` is the page with more about it."""

    key: str
    name: str
    level: StatusLevel
    text: str
    advice: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """All parts."""

    parts: list[StatusItem]
    disk_days: list[DiskDay]
    """The space of the disk, one value a day, the oldest first."""

    @property
    def full_in_days(self) -> int | None:
        """In how many days the disk is full, if its used space grows steadily."""
        return full_in_days(self.disk_days)

    @property
    def troubles(self) -> list[StatusItem]:
        """The parts that are not well, the worst first."""
        found = [item for item in self.parts if item.level is not StatusLevel.OK]
        return sorted(found, key=lambda item: item.level is not StatusLevel.FAULT)

    @property
    def level(self) -> StatusLevel:
        """The worst level of all parts."""
        return max((item.level for item in self.parts), key=[*StatusLevel].index)


@dataclass(frozen=True, slots=True)
class StatusReader:
    """Reads the status. A handler makes one from its dependencies, the command `status` from its own services."""

    database: Database
    jobs: JobServices
    storage: StorageServices
    maintenance: MaintenanceServices
    settings: HttpSettings
    clock: Clock

    async def read(self, request: Request[Any, Any, State]) -> ServerStatus:
        """Return the status, for an administrator whose request this is."""
        days = await self.maintenance.space_history.days()
        parts = [self._server(), *await self._parts(days, pool_alive=self.jobs.pool.alive), _loops(), _https(request)]
        return ServerStatus(parts, days)

    async def read_beside_server(self, *, running_since_ms: int | None) -> ServerStatus:
        """Return the status without what only the process of the server knows.

        `running_since_ms` is when the server was started; None if none is running.
        """
        await self.maintenance.database_backups.look()
        await self.maintenance.overview.check_stores()
        days = await self.maintenance.space_history.days()
        if running_since_ms is None:
            server = StatusItem(
                "server", gettext("Server"), StatusLevel.FAULT, "It is not running.", "Start it: streamtime serve."
            )
        else:
            text = f"It has been running for {span_words(self.clock.now_ms() - running_since_ms)}."
            server = StatusItem("server", gettext("Server"), StatusLevel.OK, text)
        return ServerStatus([server, *await self._parts(days, pool_alive=True)], days)

    async def _parts(self, days: list[DiskDay], *, pool_alive: bool) -> list[StatusItem]:
        """Return what the database and the disks say."""
        summary = await self.maintenance.overview.summary()
        states = await store_states(self.storage)
        try:
            await self.storage.stores.spool.check()
        except StreamtimeError as error:
            states[SPOOL] = error.message
        return [
            self._database(),
            self._backup(),
            *_stores(summary, states),
            await self._space(days),
            _damage(summary),
            await self._jobs(pool_alive=pool_alive),
            await self._workers(),
            await self._clock(),
        ]

    def _server(self) -> StatusItem:
        since = self.clock.now_ms() - self.settings.started_at_ms
        text = gettext(
            "Streamtime %(version)s, Python %(python)s, running for %(time)s.",
            version=VERSION,
            python=platform.python_version(),
            time=span_words(since),
        )
        return StatusItem("server", gettext("Server"), StatusLevel.OK, text)

    def _database(self) -> StatusItem:
        if damage := self.database.damage:
            advice = gettext("Stop the server and restore a backup: streamtime restore FILE --replace.")
            return StatusItem("database", gettext("Database"), StatusLevel.FAULT, damage, advice, "/admin/storage")
        return StatusItem(
            "database", gettext("Database"), StatusLevel.OK, gettext("SQLite answers, and no damage is known.")
        )

    def _backup(self) -> StatusItem:
        backups, status = self.maintenance.database_backups, self.maintenance.database_backups.status
        make = gettext("Make one with streamtime backup FILE, and keep it on another disk.")
        if not backups.backups_enabled:
            text = gettext("No copies of the database are made.")
            advice = gettext("Set backup.every. %(advice)s", advice=make)
            return StatusItem("backup", gettext("Backup"), StatusLevel.WARNING, text, advice, "/admin/storage")
        if status.error:
            advice = gettext("Look at the folder %(folder)s.", folder=backups.folder)
            return StatusItem("backup", gettext("Backup"), StatusLevel.FAULT, status.error, advice, "/admin/storage")
        if status.newest is None:
            return StatusItem(
                "backup", gettext("Backup"), StatusLevel.WARNING, gettext("There is no copy of the database yet."), make
            )
        now = self.clock.now_ms()
        age = age_text(status.newest.created_at_ms, now)
        text = ngettext(
            "The newest copy of the database was made %(age)s; %(num)s copy in all.",
            "The newest copy of the database was made %(age)s; %(num)s copies in all.",
            status.count,
            age=age,
        )
        if now - status.newest.created_at_ms > BACKUP_OVERDUE * backups.copy_every_s * 1000:
            return StatusItem("backup", gettext("Backup"), StatusLevel.WARNING, text, make, "/admin/storage")
        return StatusItem("backup", gettext("Backup"), StatusLevel.OK, text, href="/admin/storage")

    async def _space(self, days: list[DiskDay]) -> StatusItem:
        try:
            free, needed = await self.storage.stores.spool.free_bytes(), self.jobs.admission.rules.minimum_free_bytes
        except StreamtimeError as error:
            return StatusItem("space", gettext("Space"), StatusLevel.FAULT, error.message, href="/admin/space")
        grown = await self.maintenance.overview.stored_since(self.clock.now_ms() - GROWTH_DAYS * DAY_MS)
        values = {"free": size_text(free), "grown": size_text(grown), "days": GROWTH_DAYS}
        # Where too little is known of the disk, the library stands for it.
        by_library = free * GROWTH_DAYS // grown if grown else None
        left_days = full_in_days(days) if len(days) >= LEAST_DAYS else by_library
        if left_days is not None and left_days <= FAR_DAYS:
            text = gettext(
                "%(free)s are free. The library grew by %(grown)s in %(days)s days; at this pace the disk is full in"
                " about %(time)s.",
                **values,
                time=span_words(left_days * DAY_MS),
            )
        else:
            text = gettext("%(free)s are free. The library grew by %(grown)s in %(days)s days.", **values)
        if free < needed:
            advice = gettext(
                "Encoding waits until %(needed)s are free. Delete videos, or empty the trash.", needed=size_text(needed)
            )
            return StatusItem("space", gettext("Space"), StatusLevel.FAULT, text, advice, "/admin/space")
        level = StatusLevel.OK if left_days is None or left_days > GROWTH_DAYS else StatusLevel.WARNING
        return StatusItem("space", gettext("Space"), level, text, href="/admin/space")

    async def _jobs(self, *, pool_alive: bool) -> StatusItem:
        counts = {"running": 0, "queued": 0}
        for depth in await self.jobs.queue.depths():
            counts[depth.state] += depth.count
        failed = len(await self.jobs.overview.failed(since_ms=self.clock.now_ms() - RECENT_MS))
        text = gettext(
            "%(running)s running, %(queued)s waiting, %(failed)s failed since yesterday.", **counts, failed=failed
        )
        if not pool_alive:
            advice = gettext("Restart the server, and report the error in its log.")
            return StatusItem(
                "jobs", gettext("Jobs"), StatusLevel.FAULT, gettext("The job pool has stopped."), advice, "/admin/jobs"
            )
        level = StatusLevel.WARNING if failed else StatusLevel.OK
        return StatusItem(
            "jobs", gettext("Jobs"), level, text, gettext("See why, and try again.") if failed else "", "/admin/jobs"
        )

    async def _workers(self) -> StatusItem:
        limits = ngettext(
            "Up to %(num)s encode at a time, in %(memory)s of memory, by the processor.",
            "Up to %(num)s encodes at a time, in %(memory)s of memory, by the processor.",
            self.settings.encode_slots,
            memory=size_text(self.settings.encode_budget_bytes),
        )
        try:
            confinement = await self.jobs.confinement.confinement()
        except WorkerFailed as error:
            advice = gettext("No video can be prepared. Run streamtime check for more.")
            return StatusItem("workers", gettext("Workers"), StatusLevel.FAULT, error.message, advice)
        text = gettext("%(limits)s Confined by %(layers)s.", limits=limits, layers=format_layers(confinement))
        if confinement.missing:
            advice = gettext(
                "Files are read with less protection. See “How workers are confined” in docs/operations.md."
            )
            return StatusItem("workers", gettext("Workers"), StatusLevel.WARNING, text, advice)
        return StatusItem("workers", gettext("Workers"), StatusLevel.OK, text)

    async def _clock(self) -> StatusItem:
        """Compare the clock with the newest entries: it may stand still without a battery, or jump back."""
        now = self.clock.now_ms()
        ahead_ms = await self.maintenance.overview.newest_object_ms() - now
        if ahead_ms > CLOCK_TOLERANCE_MS:
            text = gettext("The clock of this machine is %(time)s behind the newest video.", time=span_words(ahead_ms))
            advice = gettext("Set the clock, and turn on time synchronisation: sign-ins and links expire by it.")
            return StatusItem("clock", gettext("Clock"), StatusLevel.FAULT, text, advice)
        return StatusItem(
            "clock", gettext("Clock"), StatusLevel.OK, gettext("It is not behind the newest entry of the database.")
        )


def _store_error(store: StoreSummary, states: Mapping[str, str]) -> str:
    """Return what is wrong with a store. That it did not answer to maintenance is over once it answers."""
    state = states.get(store.name, "ok")
    if state != "ok":
        return state
    return "" if store.error == status_message(store.name, StoreStatus.UNAVAILABLE) else store.error


def _stores(summary: StorageSummary, states: Mapping[str, str]) -> Iterator[StatusItem]:
    for store in summary.stores:
        key, name = f"store-{store.name}", gettext(STORE_NAMES.get(store.name, store.name))
        if error := _store_error(store, states):
            fails = gettext("Uploads fail."), gettext("Videos in it do not play until it answers.")
            advice = fails[store.name != "spool"]
            yield StatusItem(key, name, StatusLevel.FAULT, error, advice, "/admin/storage")
        else:
            text = ngettext(
                "%(num)s object, %(size)s.",
                "%(num)s objects, %(size)s.",
                store.objects,
                size=size_text(store.length_bytes),
            )
            yield StatusItem(key, name, StatusLevel.OK, text, href="/admin/storage")


def _damage(summary: StorageSummary) -> StatusItem:
    if not summary.damaged:
        return StatusItem(
            "damage", gettext("Stored files"), StatusLevel.OK, gettext("No damaged or missing file is known.")
        )
    text = ngettext(
        "%(num)s file is damaged or missing.", "%(num)s files are damaged or missing.", len(summary.damaged)
    )
    advice = gettext("Restore them from a backup, or prepare their videos again.")
    return StatusItem("damage", gettext("Stored files"), StatusLevel.FAULT, text, advice, "/admin/storage")


def _loops() -> StatusItem:
    if failing := periodic.failing_loops():
        text = gettext("Failing now: %(tasks)s.", tasks=", ".join(failing))
        advice = gettext("They try again by themselves. The log says why (loop_failed).")
        return StatusItem("tasks", gettext("Background tasks"), StatusLevel.WARNING, text, advice)
    return StatusItem("tasks", gettext("Background tasks"), StatusLevel.OK, gettext("All work."))


def _https(request: Request[Any, Any, State]) -> StatusItem:
    if address := untrusted_proxy(request):
        text = gettext("A proxy at %(address)s reports https, but it is not trusted.", address=address)
        advice = gettext("Add %(address)s to server.trusted_proxies.", address=address)
        return StatusItem("https", gettext("Connection"), StatusLevel.WARNING, text, advice)
    if is_plain_http(request):
        text = gettext("This connection is plain HTTP: passwords and cookies can be read on the network.")
        advice = gettext("If you do not trust the network, put a proxy with https in front of this server.")
        return StatusItem("https", gettext("Connection"), StatusLevel.WARNING, text, advice)
    return StatusItem("https", gettext("Connection"), StatusLevel.OK, gettext("Encrypted, or on this machine."))


def span_words(ms: int) -> str:
    """Return a time span in its largest unit: "3 days", "5 hours", "1 minute"."""
    if ms >= DAY_MS:
        return ngettext("%(num)s day", "%(num)s days", ms // DAY_MS)
    if ms >= _HOUR_MS:
        return ngettext("%(num)s hour", "%(num)s hours", ms // _HOUR_MS)
    if ms >= _MINUTE_MS:
        return ngettext("%(num)s minute", "%(num)s minutes", ms // _MINUTE_MS)
    return gettext("less than a minute")
