"""Compares the contents of each store with the rows, in both directions.

An object without a row is an orphan. Stores are listed before rows are read, and a row is written before its bytes, so
new objects do not count. An orphan is observed first; when it has been known for the grace period and was seen by two
passes it is moved to quarantine, and deleted later. Nothing is moved in a store without our store id, or if the orphans
are more than `MAX_QUARANTINE_SHARE` of its objects.

A row without an object is damage: it is recorded, and the caller reports it to the owner.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.errors import StreamtimeError
from streamtime.maintenance.orphans import Orphan, OrphanQuarantine, Orphans, original_key, quarantined_at_ms
from streamtime.storage.object_store import MultipartInfo
from streamtime.storage.objects.ledger import SPOOL, DamagedObject, Inventory, ObjectRow
from streamtime.storage.objects.stores import INTERNAL_PREFIXES, StoreOwnership, Stores

MAX_QUARANTINE_SHARE = 0.05
"""The share of a store's objects that one pass may move to quarantine."""

MISSING = "It is missing from the store."
_PARTS = "?uploadId="


@dataclass(frozen=True, slots=True)
class OrphanRetention:
    """How long an orphan is only observed, and how long it is kept in quarantine afterwards."""

    grace_ms: int
    quarantine_ms: int


@dataclass(slots=True)
class StoreReport:
    """The result for one store: counts of objects, except `aborted`, which counts multipart uploads."""

    store: str
    objects: int = 0
    observed: int = 0
    quarantined: int = 0
    in_quarantine: int = 0
    deleted: int = 0
    restored: int = 0
    aborted: int = 0
    error: str = ""
    missing: list[DamagedObject] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Listing:
    """The contents of a store: objects with their lengths, and the names of objects in quarantine."""

    objects: dict[str, int]
    quarantined: list[str]


class Reconciler:
    """Reconciles all stores."""

    def __init__(
        self,
        database: Database,
        inventory: Inventory,
        stores: Stores,
        ownership: StoreOwnership,
        clock: Clock,
        retention: OrphanRetention,
    ) -> None:
        self._database = database
        self._inventory = inventory
        self._stores = stores
        self._ownership = ownership
        self._clock = clock
        self._retention = retention
        self._orphans = Orphans(database, clock)
        self._quarantine = OrphanQuarantine(stores, self._orphans, clock)

    async def reconcile(self, *, dry_run: bool = False, ignore_share_limit: bool = False) -> AsyncIterator[StoreReport]:
        """Reconcile one store after another. `dry_run` changes nothing; `ignore_share_limit` allows any share."""
        for name in self._stores.names:
            report = StoreReport(name)
            try:
                await self._ownership.require_owned(name, record=not dry_run)
                max_share = 1.0 if ignore_share_limit else MAX_QUARANTINE_SHARE
                await self._reconcile(report, dry_run=dry_run, max_share=max_share)
            except StreamtimeError as error:
                report.error = error.message
            yield report

    async def _reconcile(self, report: StoreReport, *, dry_run: bool, max_share: float) -> None:
        name = report.store
        found = await self._list(name)
        uploads = await self._unknown_uploads(name)
        orphans = await self._find_orphans(name, found.objects)
        report.objects = len(found.objects)
        restored = await self._mark_missing(report, found, dry_run=dry_run)
        current = {**orphans, **{_upload_key(upload): 0 for upload in uploads}}
        seen = await self._orphans.record_pass(name, current, record=not dry_run)
        now = self._clock.now_ms()
        confirmed = [orphan for orphan in seen if orphan.is_confirmed(now_ms=now, age_ms=self._retention.grace_ms)]
        objects = [orphan for orphan in confirmed if orphan.key in orphans]
        report.observed = len(seen) - len(confirmed)
        self._check_share(report, len(objects), max_share)
        await self._abort(report, uploads, {orphan.key for orphan in confirmed}, dry_run=dry_run)
        await self._quarantine_orphans(report, objects, dry_run=dry_run)
        await self._delete_expired(
            report, [name for name in found.quarantined if original_key(name) not in restored], dry_run=dry_run
        )

    async def _list(self, name: str) -> _Listing:
        found = _Listing({}, [])
        async for info in self._stores.readable(name).list(""):
            if info.key.startswith("aside/"):
                found.quarantined.append(info.key)
            elif not info.key.startswith(INTERNAL_PREFIXES):
                found.objects[info.key] = info.length_bytes
        return found

    async def _find_orphans(self, name: str, objects: Mapping[str, int]) -> dict[str, int]:
        known = await self._inventory.by_keys(objects)
        return {key: size for key, size in objects.items() if _is_orphan(name, known.get(key))}

    async def _unknown_uploads(self, name: str) -> list[MultipartInfo]:
        if name == SPOOL:
            return []
        listed = [upload async for upload in self._stores.object_stores[name].list_multiparts("")]
        known = await self._inventory.multipart_ids(name)
        return [upload for upload in listed if upload.upload_id not in known]

    def _check_share(self, report: StoreReport, count: int, max_share: float) -> None:
        if count > max_share * max(1, report.objects):
            share = f"{100 * count / max(1, report.objects):.0f} %"
            raise StreamtimeError(
                f"The database has no row for {count} of the {report.objects} objects in the store {report.store} "
                f"({share}). That is too many for leftovers, so none was moved to quarantine. Is this the right "
                "database? If so: `streamtime gc --take-over`.",
                code="too_many_strays",
            )

    async def _abort(
        self, report: StoreReport, uploads: list[MultipartInfo], confirmed: set[str], *, dry_run: bool
    ) -> None:
        for upload in uploads:
            if (key := _upload_key(upload)) in confirmed:
                report.aborted += 1
                if not dry_run:
                    await self._stores.object_stores[report.store].abort_multipart(upload.key, upload.upload_id)
                    await self._orphans.delete(report.store, [key])

    async def _quarantine_orphans(self, report: StoreReport, orphans: list[Orphan], *, dry_run: bool) -> None:
        for orphan in orphans:
            if not dry_run:
                name = await self._quarantine.put(report.store, orphan)
                known = await self._inventory.by_keys([orphan.key])
                if not _is_orphan(report.store, known.get(orphan.key)):
                    await self._quarantine.restore(report.store, name)  # a move switched its row meanwhile
                    continue
            report.quarantined += 1

    async def _delete_expired(self, report: StoreReport, names: list[str], *, dry_run: bool) -> None:
        """Delete objects whose time in quarantine is over."""
        until = self._clock.now_ms() - self._retention.quarantine_ms
        expired = [name for name in names if original_key(name) and quarantined_at_ms(name) <= until]
        known = await self._inventory.by_keys([original_key(name) for name in expired])
        deleted = [name for name in expired if _is_orphan(report.store, known.get(original_key(name)))]
        report.deleted = len(deleted)
        report.in_quarantine = len(names) - len(deleted) + report.quarantined
        if not dry_run:
            await self._quarantine.delete(report.store, deleted)

    async def _mark_missing(self, report: StoreReport, found: _Listing, *, dry_run: bool) -> set[str]:
        """Record live objects that are missing from the store; returns the keys that were restored from quarantine."""
        quarantined = {original_key(name): name for name in found.quarantined}
        last_id, restored = 0, set[str]()
        while rows := await self._inventory.live_objects(report.store, after_id=last_id):
            for row in rows:
                damage = await self._find_damage(row, found.objects)
                if damage and row.key in quarantined:
                    restored.add(row.key)
                    report.restored += 1
                    if not dry_run:
                        await self._quarantine.restore(report.store, quarantined[row.key])
                elif damage:
                    report.missing.append(DamagedObject(row.id, row.store, row.key, row.kind, damage))
                    if not dry_run:
                        await self._set_damage(row, damage)
            last_id = rows[-1].id
        await self._clear_found(report, found, dry_run=dry_run)
        return restored

    async def _clear_found(self, report: StoreReport, found: _Listing, *, dry_run: bool) -> None:
        """Clear the damage of objects that were missing and are found again; a scrub will verify them."""
        missing = {row.key for row in await self._inventory.damaged() if row.message == MISSING}
        for row in (await self._inventory.by_keys(missing & found.objects.keys())).values():
            if row.store == report.store and found.objects[row.key] == row.length_bytes and not dry_run:
                await self._set_damage(row, None)

    async def _set_damage(self, row: ObjectRow, message: str | None) -> None:
        await self._database.write(lambda tx: self._inventory.set_damage(tx, row, message))

    async def _find_damage(self, row: ObjectRow, listed: Mapping[str, int]) -> str:
        """The damage of an object; empty if its length matches or its row has changed meanwhile."""
        size = listed.get(row.key)
        if size is None:
            head = await self._stores.readable(row.store).head(row.key)
            size = None if head is None else head.length_bytes
        if size == row.length_bytes or not await self._inventory.is_current(row):
            return ""
        return MISSING if size is None else f"It has {size} bytes instead of {row.length_bytes}."


def _is_orphan(store: str, row: ObjectRow | None) -> bool:
    """Whether an object in this store, with this row, is an orphan.

    An object that is live in another store was left here by an interrupted move or finalize. An object whose row is
    still in the spool may be being copied here.
    """
    if row is None:
        return True
    return row.state == "live" and row.store not in {store, SPOOL}


def _upload_key(upload: MultipartInfo) -> str:
    return f"{upload.key}{_PARTS}{upload.upload_id}"
