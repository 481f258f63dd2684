"""Compares what lies in each store with what rows say, both ways.

What no row stands for is a stray. It is listed first and rows are asked afterwards, so nothing counts that was written
meanwhile: a row is always older than its bytes. A stray is watched; when it has been known for a day and was seen by
two passes it is put aside, and some time later it is deleted. The brakes: nothing is touched in a store without our
marker, and nothing where more than a twentieth of all objects would go.

What a row says and no store holds is damage: it is marked, and told by whoever called.
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
"""The share of a store's objects that one pass may put aside."""

MISSING = "It is missing from the store."
_PARTS = "?uploadId="


@dataclass(frozen=True, slots=True)
class OrphanRetention:
    """How long a stray is only watched, and how long it lies aside afterwards."""

    grace_ms: int
    quarantine_ms: int


@dataclass(slots=True)
class StoreReport:
    """What was found in a store, and done about it. Counts are of objects but for `aborted`: multipart uploads."""

    store: str
    objects: int = 0
    watched: int = 0
    put_aside: int = 0
    aside: int = 0
    deleted: int = 0
    brought_back: int = 0
    aborted: int = 0
    refused: str = ""
    missing: list[DamagedObject] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Listing:
    """What a store lists: its objects with their lengths, and the names of what lies aside."""

    objects: dict[str, int]
    quarantined: list[str]


class Reconciler:
    """One pass over all stores at each call."""

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
        self._strays = Orphans(database, clock)
        self._quarantine = OrphanQuarantine(stores, self._strays, clock)

    async def reconcile(self, *, dry_run: bool = False, ignore_share_limit: bool = False) -> AsyncIterator[StoreReport]:
        """Look through one store after another. `dry_run` changes nothing; `despite_share` lets any share go."""
        for name in self._stores.names:
            report = StoreReport(name)
            try:
                await self._ownership.require_owned(name, record=not dry_run)
                await self._pass(report, dry_run=dry_run, most=1.0 if ignore_share_limit else MAX_QUARANTINE_SHARE)
            except StreamtimeError as error:
                report.refused = error.message
            yield report

    async def _pass(self, report: StoreReport, *, dry_run: bool, most: float) -> None:
        name = report.store
        found = await self._listed(name)
        uploads = await self._unknown_uploads(name)
        strays = await self._find_orphans(name, found.objects)
        report.objects = len(found.objects)
        lost = await self._mark_missing(report, found, dry_run=dry_run)
        every = {**strays, **{_upload_key(upload): 0 for upload in uploads}}
        seen = await self._strays.record_pass(name, every, record=not dry_run)
        now = self._clock.now_ms()
        ripe = [stray for stray in seen if stray.is_confirmed(now_ms=now, age_ms=self._retention.grace_ms)]
        objects = [stray for stray in ripe if stray.key in strays]
        report.watched = len(seen) - len(ripe)
        self._check_share(report, len(objects), most)
        await self._abort(report, uploads, {stray.key for stray in ripe}, dry_run=dry_run)
        await self._quarantine_orphans(report, objects, dry_run=dry_run)
        await self._delete_expired(
            report, [name for name in found.quarantined if original_key(name) not in lost], dry_run=dry_run
        )

    async def _listed(self, name: str) -> _Listing:
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

    def _check_share(self, report: StoreReport, count: int, most: float) -> None:
        if count > most * max(1, report.objects):
            share = f"{100 * count / max(1, report.objects):.0f} %"
            raise StreamtimeError(
                f"No row stands for {count} of the {report.objects} objects in the store {report.store} ({share}). "
                "That is too much to be an accident, so nothing was put aside. Is this the right database? If so: "
                "`streamtime gc --take-over`.",
                code="too_many_strays",
            )

    async def _abort(self, report: StoreReport, uploads: list[MultipartInfo], ripe: set[str], *, dry_run: bool) -> None:
        for upload in uploads:
            if (key := _upload_key(upload)) in ripe:
                report.aborted += 1
                if not dry_run:
                    await self._stores.object_stores[report.store].abort_multipart(upload.key, upload.upload_id)
                    await self._strays.delete(report.store, [key])

    async def _quarantine_orphans(self, report: StoreReport, strays: list[Orphan], *, dry_run: bool) -> None:
        for stray in strays:
            if not dry_run:
                name = await self._quarantine.put(report.store, stray)
                known = await self._inventory.by_keys([stray.key])
                if not _is_orphan(report.store, known.get(stray.key)):
                    await self._quarantine.restore(report.store, name)  # a move ended on it just now
                    continue
            report.put_aside += 1

    async def _delete_expired(self, report: StoreReport, names: list[str], *, dry_run: bool) -> None:
        """Delete what has lain aside for long enough."""
        until = self._clock.now_ms() - self._retention.quarantine_ms
        over = [name for name in names if original_key(name) and quarantined_at_ms(name) <= until]
        known = await self._inventory.by_keys([original_key(name) for name in over])
        gone = [name for name in over if _is_orphan(report.store, known.get(original_key(name)))]
        report.deleted = len(gone)
        report.aside = len(names) - len(gone) + report.put_aside
        if not dry_run:
            await self._quarantine.delete(report.store, gone)

    async def _mark_missing(self, report: StoreReport, found: _Listing, *, dry_run: bool) -> set[str]:
        """Find what rows say is whole and the store does not hold; the keys of what was brought back from aside."""
        aside = {original_key(name): name for name in found.quarantined}
        last_id, back = 0, set[str]()
        while rows := await self._inventory.live_objects(report.store, after_id=last_id):
            for row in rows:
                words = await self._find_damage(row, found.objects)
                if words and row.key in aside:
                    back.add(row.key)
                    report.brought_back += 1
                    if not dry_run:
                        await self._quarantine.restore(report.store, aside[row.key])
                elif words:
                    report.missing.append(DamagedObject(row.id, row.store, row.key, row.kind, words))
                    if not dry_run:
                        await self._mark(row, words)
            last_id = rows[-1].id
        await self._clear_found(report, found, dry_run=dry_run)
        return back

    async def _clear_found(self, report: StoreReport, found: _Listing, *, dry_run: bool) -> None:
        """What was missing and is there now counts as sound, until it is read again."""
        missed = {row.key for row in await self._inventory.damaged() if row.message == MISSING}
        for row in (await self._inventory.by_keys(missed & found.objects.keys())).values():
            if row.store == report.store and found.objects[row.key] == row.length_bytes and not dry_run:
                await self._mark(row, None)

    async def _mark(self, row: ObjectRow, words: str | None) -> None:
        await self._database.write(lambda tx: self._inventory.set_damage(tx, row, words))

    async def _find_damage(self, row: ObjectRow, listed: Mapping[str, int]) -> str:
        """What is wrong with the bytes of a row; nothing where they are there, or the row has changed meanwhile."""
        size = listed.get(row.key)
        if size is None:
            head = await self._stores.readable(row.store).head(row.key)
            size = None if head is None else head.length_bytes
        if size == row.length_bytes or not await self._inventory.is_current(row):
            return ""
        return MISSING if size is None else f"It has {size} bytes instead of {row.length_bytes}."


def _is_orphan(store: str, row: ObjectRow | None) -> bool:
    """Whether nothing needs the bytes of a key in this store.

    A copy of what is whole in another store was left by a move or a settling that was broken off. What is still in the
    spool may be on its way here.
    """
    if row is None:
        return True
    return row.state == "live" and row.store not in {store, SPOOL}


def _upload_key(upload: MultipartInfo) -> str:
    return f"{upload.key}{_PARTS}{upload.upload_id}"
