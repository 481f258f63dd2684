"""Whether the process lives, and whether all its parts answer."""

from collections.abc import Awaitable

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Response

from streamtime.errors import StreamtimeError
from streamtime.http.services import Services
from streamtime.workers.self_report import layers


@get("/healthz", include_in_schema=False)
async def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@get("/readyz", include_in_schema=False)
async def readyz(services: NamedDependency[Services]) -> Response[dict[str, str]]:
    """Database, storage, pool and workers answer, each by name; beside them the layers that confine workers."""
    parts = {
        "database": await _answers(services.users.any_exists()),
        "storage": await _answers(services.stores.destination.check()),
        "pool": "ok" if services.pool.alive else "stopped",
        "workers": await _answers(services.workers.confinement()),
    }
    well = all(state == "ok" for state in parts.values())
    confinement = layers(await services.workers.confinement()) if parts["workers"] == "ok" else "none"
    return Response({**parts, "confinement": confinement}, status_code=200 if well else 503)


async def _answers(asked: Awaitable[object]) -> str:
    try:
        await asked
    except StreamtimeError as error:
        return error.message
    return "ok"
