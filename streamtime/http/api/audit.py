"""/api/v1/admin/audit: who did what, for those who run the server."""

from typing import Annotated

import msgspec
from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from streamtime.auth.access import Caller
from streamtime.auth.audit import AuditEvent
from streamtime.errors import Forbidden
from streamtime.formatting import time_iso
from streamtime.http.problems import problems
from streamtime.http.requests import require_signed_in
from streamtime.http.services import Services

MAX_LIMIT = 200


class EntryBody(msgspec.Struct):
    """A deed. `actor` is empty for somebody without an account; `subject` names a user, a video or a link."""

    id: int
    at: str
    deed: AuditEvent
    actor: str
    address: str
    subject: str
    detail: dict[str, str]


class AuditPage(msgspec.Struct):
    """Entries, the newest first; `next` is the `before` of the page after it, null where there is none."""

    items: list[EntryBody]
    next: int | None


@get("/api/v1/admin/audit", responses=problems(401, 403), tags=["admin"], summary="Who did what?")
async def get_audit(
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    person: Annotated[str, QueryParameter(max_length=100)] = "",
    before: Annotated[int | None, QueryParameter(ge=1, le=2**62)] = None,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)] = 50,
) -> AuditPage:
    """For admins: sign-ins, what changed who may do or see what, and deletions; of one `person`, by them or to them."""
    if not require_signed_in(caller).is_admin:
        raise Forbidden("Only those who run the server read the audit.")
    found = await services.audit.page(before_id=before, person=person, limit=limit + 1)
    items = [
        EntryBody(
            id=entry.id,
            at=time_iso(entry.happened_at_ms),
            deed=entry.event,
            actor=entry.actor_name,
            address=entry.address,
            subject=entry.subject,
            detail=entry.detail,
        )
        for entry in found[:limit]
    ]
    return AuditPage(items, items[-1].id if len(found) > limit else None)
