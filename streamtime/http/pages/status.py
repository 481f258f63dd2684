"""The admin home page: the state of every part of the server, and what to do."""

from litestar import get
from litestar.di import NamedDependency
from litestar.response import Response

from streamtime.auth.access import Caller
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.http.requests import PageRequest, require_admin
from streamtime.http.services import HttpSettings, JobServices, MaintenanceServices, StorageServices
from streamtime.http.status import StatusReader
from streamtime.http.templates import Templates
from streamtime.http.views.disk_trend import disk_trend
from streamtime.translation import gettext


@get("/admin", include_in_schema=False)
async def status_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    database: NamedDependency[Database],
    jobs: NamedDependency[JobServices],
    storage: NamedDependency[StorageServices],
    maintenance: NamedDependency[MaintenanceServices],
    settings: NamedDependency[HttpSettings],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the state of every part; those with a fault first."""
    require_admin(caller)
    status = await StatusReader(database, jobs, storage, maintenance, settings, clock).read(request)
    return templates.page(
        request,
        "pages/status.html",
        title=gettext("Status"),
        nav="admin",
        server=status,
        trend=disk_trend(status.disk_days),
    )
