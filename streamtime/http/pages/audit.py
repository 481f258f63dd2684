"""The admin page of the audit log."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Response

from streamtime.auth.access import Caller
from streamtime.auth.audit import PAGE_SIZE, AuditEntry
from streamtime.clock import Clock
from streamtime.formatting import age_text, time_iso
from streamtime.http.requests import PageRequest, require_admin
from streamtime.http.services import AccountServices
from streamtime.http.templates import Templates
from streamtime.translation import gettext

BASE_PATH = "/admin/audit"


@dataclass(frozen=True, slots=True)
class EntryView:
    """An entry of the log. The template builds a sentence from `event`."""

    event: str
    actor: str
    address: str
    subject: str
    detail: dict[str, str]
    at_text: str
    at_iso: str


@get(BASE_PATH, include_in_schema=False)
async def audit_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
    person: Annotated[str, QueryParameter(max_length=100)] = "",
    before: Annotated[int | None, QueryParameter(ge=1, le=2**62)] = None,
) -> Response[str]:
    """Show the newest entries, or those before the entry `before`.

    Raises:
        NotFound: the caller is not an admin.
    """
    require_admin(caller)
    person = person.strip()
    found = await accounts.audit.page(before_id=before, person=person, limit=PAGE_SIZE + 1)
    now, entries = clock.now_ms(), found[:PAGE_SIZE]
    older = ""
    if len(found) > PAGE_SIZE:
        older = f"{BASE_PATH}?" + urlencode({**({"person": person} if person else {}), "before": entries[-1].id})
    return templates.page(
        request,
        "pages/audit.html",
        title=gettext("Audit"),
        nav="admin",
        entries=[_view(entry, now) for entry in entries],
        person=person,
        older_href=older,
        newest=before is None,
    )


def _view(entry: AuditEntry, now_ms: int) -> EntryView:
    return EntryView(
        event=entry.event.value,
        actor=entry.actor_name,
        address=entry.address,
        subject=entry.subject,
        detail=entry.detail,
        at_text=age_text(entry.happened_at_ms, now_ms),
        at_iso=time_iso(entry.happened_at_ms),
    )
