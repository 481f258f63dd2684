"""Health endpoints: `/healthz` (the process is alive) and `/readyz` (all components respond)."""

import asyncio
from collections.abc import Awaitable

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Response

from streamtime.database.transaction import Database
from streamtime.errors import StreamtimeError, Unavailable
from streamtime.http.services import AccountServices, JobServices, MaintenanceServices, StorageServices
from streamtime.storage.object_store import ObjectStore
from streamtime.workers.launcher import format_layers

STORE_TIMEOUT_S = 3.0
"""Timeout of one store check: health checkers often wait five seconds in total."""


@get("/healthz", include_in_schema=False)
async def healthz() -> dict[str, str]:
    """Return 200: the process is alive."""
    return {"status": "alive"}


@get("/readyz", include_in_schema=False)
async def readyz(
    accounts: NamedDependency[AccountServices],
    jobs: NamedDependency[JobServices],
    storage: NamedDependency[StorageServices],
    maintenance: NamedDependency[MaintenanceServices],
    database: NamedDependency[Database],
) -> Response[dict[str, str]]:
    """Return the status of each component, with 503 if one is not `ok`; also worker confinement and backup status."""
    components = {
        "database": database.damage or await _status_of(accounts.users.any_exists()),
        "storage": await _storage(storage),
        "spool": await _status_of(storage.stores.spool.check()),
        "pool": "ok" if jobs.pool.alive else "stopped",
        "workers": await _status_of(jobs.confinement.confinement()),
    }
    ready = all(state == "ok" for state in components.values())
    confinement = format_layers(await jobs.confinement.confinement()) if components["workers"] == "ok" else "none"
    body = {**components, "confinement": confinement, "backup": _backup_status(maintenance)}
    return Response(body, status_code=200 if ready else 503)


def _backup_status(maintenance: MaintenanceServices) -> str:
    """Return the status of the automatic database backups. A failure does not cause a 503."""
    if not maintenance.database_backups.backups_enabled:
        return "off"
    return "the last copy of the database failed" if maintenance.database_backups.status.error else "ok"


async def _storage(storage: StorageServices) -> str:
    """Return `ok` if every object store responds, else the names and errors of those that do not."""
    states = await store_states(storage)
    return " ".join(f"{name}: {state}" for name, state in states.items() if state != "ok") or "ok"


async def store_states(storage: StorageServices) -> dict[str, str]:
    """Ask every object store; return `ok` or the error by name."""
    stores = storage.stores.object_stores
    states = await asyncio.gather(*[_status_of(_check_store(store)) for store in stores.values()])
    return dict(zip(stores, states, strict=True))


async def _check_store(store: ObjectStore) -> None:
    try:
        async with asyncio.timeout(STORE_TIMEOUT_S):
            await store.check()
    except TimeoutError as error:
        raise Unavailable("It does not answer in time.", code="storage") from error


async def _status_of(check: Awaitable[object]) -> str:
    try:
        await check
    except StreamtimeError as error:
        return error.message
    return "ok"
