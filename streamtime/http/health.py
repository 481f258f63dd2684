"""Whether the process lives, and whether all its parts answer."""

import asyncio
from collections.abc import Awaitable

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Response

from streamtime.errors import StreamtimeError, Unavailable
from streamtime.http.services import Services
from streamtime.storage.object_store import ObjectStore
from streamtime.workers.launcher import format_layers

STORE_TIMEOUT_S = 3.0
"""Whoever asks for health has little patience, often five seconds for everything."""


@get("/healthz", include_in_schema=False)
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@get("/readyz", include_in_schema=False)
async def readyz(services: NamedDependency[Services]) -> Response[dict[str, str]]:
    """Database, storage, pool and workers answer, each by name; beside them what confines workers, and the copies."""
    parts = {
        "database": services.database.damage or await _status_of(services.users.any_exists()),
        "storage": await _storage(services),
        "spool": await _status_of(services.stores.spool.check()),
        "pool": "ok" if services.pool.alive else "stopped",
        "workers": await _status_of(services.confinement.confinement()),
    }
    well = all(state == "ok" for state in parts.values())
    confinement = format_layers(await services.confinement.confinement()) if parts["workers"] == "ok" else "none"
    said = {**parts, "confinement": confinement, "backup": _backup_status(services)}
    return Response(said, status_code=200 if well else 503)


def _backup_status(services: Services) -> str:
    """How the automatic copies of the database stand: never a reason for 503, since all works without them."""
    if not services.database_backups.backups_enabled:
        return "off"
    return "the last copy of the database failed" if services.database_backups.status.error else "ok"


async def _storage(services: Services) -> str:
    """Whether every store answers that rows may name; of those that do not, each by name."""
    names = [*services.stores.object_stores]
    states = await asyncio.gather(
        *[_status_of(_check_store(store)) for store in services.stores.object_stores.values()]
    )
    away = [f"{name}: {state}" for name, state in zip(names, states, strict=True) if state != "ok"]
    return " ".join(away) or "ok"


async def _check_store(store: ObjectStore) -> None:
    try:
        async with asyncio.timeout(STORE_TIMEOUT_S):
            await store.check()
    except TimeoutError as error:
        raise Unavailable("It does not answer in time.", code="storage") from error


async def _status_of(asked: Awaitable[object]) -> str:
    try:
        await asked
    except StreamtimeError as error:
        return error.message
    return "ok"
