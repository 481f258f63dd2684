"""The upload page, the page on which guests upload videos, and the settings page of upload requests."""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Response

from streamtime.auth.access import Caller
from streamtime.auth.audit import Actor
from streamtime.clock import Clock
from streamtime.errors import Invalid, NotFound
from streamtime.formatting import size_text
from streamtime.http.public_urls import link_base, qr_svg
from streamtime.http.requests import Form, PageRequest, read_form, require_signed_in, require_uploader
from streamtime.http.services import HttpSettings, SharingServices, StorageServices, UploadServices
from streamtime.http.templates import Templates
from streamtime.http.tus import PATH
from streamtime.http.views.links import EXPIRY_CHOICES, parse_expiry, parse_optional_int, upload_request_view
from streamtime.sharing.links import LinkState
from streamtime.sharing.upload_requests import NewUploadRequest
from streamtime.translation import gettext
from streamtime.uploads.create import MAX_GUEST_NAME
from streamtime.videos.quota import QuotaUsage

NEW_UPLOAD_REQUEST: Form = {"label": "", "days": "7", "max_files": "20", "max_gib": "", "errors": {}}
GIB = 2**30


@get("/drop/{drop:str}", include_in_schema=False)
async def upload_request_page(
    request: PageRequest,
    drop: FromPath[str],
    uploads: NamedDependency[UploadServices],
    sharing: NamedDependency[SharingServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the page on which guests upload videos without an account."""
    limits = uploads.creation.limits
    try:
        found = await sharing.upload_requests.find(drop)
    except NotFound:
        return _no_index(templates.page(request, "pages/shared-over.html", title=gettext("Nothing here"), status=404))
    max_size = min(limits.max_size_bytes, found.max_bytes or limits.max_size_bytes)
    drop_view = {
        "id": found.public_id,
        "owner": found.owner_name,
        "label": found.label,
        "full": found.state(clock.now_ms()) is LinkState.USED,
        "left": None if found.max_files is None else max(0, found.max_files - found.files),
        "endpoint": PATH,
        "chunk_size": limits.chunk_size_bytes,
        "max_size": max_size,
        "max_size_text": size_text(max_size),
        "max_guest": MAX_GUEST_NAME,
    }
    return _no_index(
        templates.page(request, "pages/drop.html", confidential=True, title=gettext("Send videos"), drop=drop_view)
    )


@get("/settings/drops", include_in_schema=False)
async def upload_requests_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    sharing: NamedDependency[SharingServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
    made: FromQuery[str] = "",
) -> Response[str]:
    """Show all upload requests of the caller, and the form for a new one. `made` is the id of one just created."""
    return await _drops(
        request, require_signed_in(caller), sharing, clock, settings, templates, NEW_UPLOAD_REQUEST, made=made
    )


@post("/settings/drops", include_in_schema=False)
async def create_upload_request(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    sharing: NamedDependency[SharingServices],
    clock: NamedDependency[Clock],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Create an upload request, or show the form again with the errors."""
    require_signed_in(caller)
    fields = await read_form(request, "label", "days", "max_files", "max_gib")
    try:
        gib = parse_optional_int(fields["max_gib"], "max_gib")
        new = NewUploadRequest(
            label=fields["label"],
            max_bytes=None if gib is None else gib * GIB,
            max_files=parse_optional_int(fields["max_files"], "max_files"),
            expires_at_ms=parse_expiry(fields["days"], clock.now_ms()),
        )
        drop = await sharing.upload_requests.create(caller, new, actor)
    except Invalid as error:
        form = {**fields, "errors": {error.field or "": error.message}}
        return await _drops(request, caller, sharing, clock, settings, templates, form, status=400)
    return Redirect("/settings/drops", query_params={"made": drop.public_id}, status_code=303)


@post("/settings/drops/{drop:str}/revoke", include_in_schema=False)
async def revoke_upload_request(
    drop: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    sharing: NamedDependency[SharingServices],
) -> Redirect:
    """Revoke an upload request."""
    await sharing.upload_requests.revoke(require_signed_in(caller), drop, actor)
    return Redirect("/settings/drops", status_code=303)


async def _drops(
    request: PageRequest,
    caller: Caller,
    sharing: SharingServices,
    clock: Clock,
    settings: HttpSettings,
    templates: Templates,
    form: Form,
    *,
    status: int = 200,
    made: str = "",
) -> Response[str]:
    now = clock.now_ms()
    listed = await sharing.upload_requests.list_for_owner(caller)
    base = link_base(request, settings)
    views = [upload_request_view(drop, now, base) for drop in listed]
    created = next((view for view in views if view.id == made), None)
    return templates.page(
        request,
        "pages/drops.html",
        confidential=True,
        title=gettext("Upload requests"),
        nav="links",
        status=status,
        drops=views,
        created=created,
        base=base,
        qr=qr_svg(created.address) if created else "",
        form=form,
        terms=EXPIRY_CHOICES,
        able=caller.may_upload,
    )


def _no_index(answer: Response[str]) -> Response[str]:
    answer.set_header("X-Robots-Tag", "noindex, nofollow")
    return answer


@get("/upload", include_in_schema=False)
async def upload_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    uploads: NamedDependency[UploadServices],
    storage: NamedDependency[StorageServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the upload page."""
    limits = uploads.creation.limits
    usage = await storage.usage.quota_usage(require_uploader(caller))
    upload = {
        "endpoint": PATH,
        "max_size": limits.max_size_bytes,
        "max_size_text": size_text(limits.max_size_bytes),
        "chunk_size": limits.chunk_size_bytes,
        "accepted_text": gettext("MP4, MOV, MKV, WebM, AVI, MPEG-TS and most others; animated GIF; audio only"),
        "default_visibility": limits.default_visibility.value,
        "quota": _quota(usage),
    }
    return templates.page(request, "pages/upload.html", title=gettext("Upload"), nav="upload", upload=upload)


def _quota(usage: QuotaUsage) -> dict[str, object] | None:
    if usage.limit is None or usage.remaining is None:
        return None
    return {
        "left": usage.remaining,
        "left_text": size_text(usage.remaining),
        "limit_text": size_text(usage.limit),
        "used_text": size_text(usage.used),
        "reserved": usage.reserved,
        "reserved_text": size_text(usage.reserved),
    }
