"""What a guest sees who may send something, and the page on which people make such links."""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Response

from streamtime.auth.access import Caller
from streamtime.auth.audit import Actor
from streamtime.errors import Invalid, NotFound
from streamtime.formatting import size_text
from streamtime.http.public_urls import link_base, qr_svg
from streamtime.http.requests import Form, PageRequest, read_form, require_signed_in
from streamtime.http.services import HttpSettings, Services
from streamtime.http.templates import Templates
from streamtime.http.tus import PATH
from streamtime.http.views.links import EXPIRY_CHOICES, parse_expiry, parse_optional_int, upload_request_view
from streamtime.sharing.links import LinkState
from streamtime.sharing.upload_requests import NewUploadRequest
from streamtime.uploads.create import MAX_GUEST_NAME

NEW_UPLOAD_REQUEST: Form = {"label": "", "days": "7", "max_files": "20", "max_gib": "", "errors": {}}
GIB = 2**30


@get("/drop/{drop:str}", include_in_schema=False)
async def upload_request_page(
    request: PageRequest,
    drop: FromPath[str],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Send videos here, without an account."""
    limits = services.upload_creation.limits
    try:
        found = await services.upload_requests.find(drop)
    except NotFound:
        return _no_index(templates.page(request, "pages/shared-over.html", title="Nothing here", status=404))
    most = min(limits.max_size_bytes, found.max_bytes or limits.max_size_bytes)
    shown = {
        "id": found.public_id,
        "owner": found.owner_name,
        "label": found.label,
        "full": found.state(services.clock.now_ms()) is LinkState.USED,
        "left": None if found.max_files is None else max(0, found.max_files - found.files),
        "endpoint": PATH,
        "chunk_size": limits.chunk_size_bytes,
        "max_size": most,
        "max_size_text": size_text(most),
        "max_guest": MAX_GUEST_NAME,
    }
    return _no_index(templates.page(request, "pages/drop.html", confidential=True, title="Send videos", drop=shown))


@get("/settings/drops", include_in_schema=False)
async def upload_requests_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
    made: FromQuery[str] = "",
) -> Response[str]:
    """All one's links for sending, and the form for another. `made` is one just made."""
    return await _drops(
        request, require_signed_in(caller), services, settings, templates, NEW_UPLOAD_REQUEST, made=made
    )


@post("/settings/drops", include_in_schema=False)
async def create_upload_request(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Make one, or show the form again with what is wrong."""
    require_signed_in(caller)
    fields = await read_form(request, "label", "days", "max_files", "max_gib")
    try:
        gib = parse_optional_int(fields["max_gib"], "max_gib")
        new = NewUploadRequest(
            label=fields["label"],
            max_bytes=None if gib is None else gib * GIB,
            max_files=parse_optional_int(fields["max_files"], "max_files"),
            expires_at_ms=parse_expiry(fields["days"], services.clock.now_ms()),
        )
        drop = await services.upload_requests.create(caller, new, actor)
    except Invalid as error:
        form = {**fields, "errors": {error.field or "": error.message}}
        return await _drops(request, caller, services, settings, templates, form, status=400)
    return Redirect("/settings/drops", query_params={"made": drop.public_id}, status_code=303)


@post("/settings/drops/{drop:str}/revoke", include_in_schema=False)
async def revoke_upload_request(
    drop: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> Redirect:
    """Take it back."""
    await services.upload_requests.revoke(require_signed_in(caller), drop, actor)
    return Redirect("/settings/drops", status_code=303)


async def _drops(
    request: PageRequest,
    caller: Caller,
    services: Services,
    settings: HttpSettings,
    templates: Templates,
    form: Form,
    *,
    status: int = 200,
    made: FromQuery[str] = "",
) -> Response[str]:
    now = services.clock.now_ms()
    listed = await services.upload_requests.list_for_owner(caller)
    base = link_base(request, settings)
    views = [upload_request_view(drop, now, base) for drop in listed]
    fresh = next((view for view in views if view.id == made), None)
    return templates.page(
        request,
        "pages/drops.html",
        confidential=True,
        title="Links for sending",
        nav="links",
        status=status,
        drops=views,
        fresh=fresh,
        base=base,
        qr=qr_svg(fresh.address) if fresh else "",
        form=form,
        terms=EXPIRY_CHOICES,
        able=caller.may_upload,
    )


def _no_index(answer: Response[str]) -> Response[str]:
    answer.set_header("X-Robots-Tag", "noindex, nofollow")
    return answer
