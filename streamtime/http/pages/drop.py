"""What a guest sees who may send something, and the page on which people make such links."""

from typing import Any

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Response

from streamtime.access.caller import Caller
from streamtime.accounts.audit import Actor
from streamtime.errors import Invalid, NotFound
from streamtime.http.forms import Form, read_form
from streamtime.http.link_views import TERMS, drop_view, end_from, number_from
from streamtime.http.own_address import link_base, qr_svg
from streamtime.http.requests import PageRequest, signed_in
from streamtime.http.services import HttpSettings, Services
from streamtime.http.templates import Templates
from streamtime.http.tus import PATH
from streamtime.http.words import size_text
from streamtime.sharing.drops import NewDrop
from streamtime.sharing.terms import LinkState
from streamtime.uploads.create import MAX_GUEST

NEW: Form = {"label": "", "days": "7", "max_files": "20", "max_gib": "", "errors": {}}
GIB = 2**30


@get("/drop/{drop:str}", include_in_schema=False)
async def drop_page(
    request: PageRequest,
    drop: FromPath[str],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Send videos here, without an account."""
    limits = services.upload_creation.limits
    try:
        found = await services.drops.find(drop)
    except NotFound:
        return _unfound(templates.page(request, "pages/shared-over.html", title="Nothing here", status=404))
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
        "max_guest": MAX_GUEST,
    }
    return _unfound(templates.page(request, "pages/drop.html", confidential=True, title="Send videos", drop=shown))


@get("/settings/drops", include_in_schema=False)
async def drops_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
    made: FromQuery[str] = "",
) -> Response[str]:
    """All one's links for sending, and the form for another. `made` is one just made."""
    return await _drops(request, signed_in(caller), services, settings, templates, NEW, made=made)


@post("/settings/drops", include_in_schema=False)
async def make_drop(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[Any]:
    """Make one, or show the form again with what is wrong."""
    signed_in(caller)
    fields = await read_form(request, "label", "days", "max_files", "max_gib")
    try:
        gib = number_from(fields["max_gib"], "max_gib")
        new = NewDrop(
            label=fields["label"],
            max_bytes=None if gib is None else gib * GIB,
            max_files=number_from(fields["max_files"], "max_files"),
            expires_at_ms=end_from(fields["days"], services.clock.now_ms()),
        )
        drop = await services.drops.create(caller, new, actor)
    except Invalid as error:
        form = {**fields, "errors": {error.field or "": error.message}}
        return await _drops(request, caller, services, settings, templates, form, status=400)
    return Redirect("/settings/drops", query_params={"made": drop.public_id}, status_code=303)


@post("/settings/drops/{drop:str}/revoke", include_in_schema=False)
async def revoke_drop(
    drop: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> Redirect:
    """Take it back."""
    await services.drops.revoke(signed_in(caller), drop, actor)
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
    listed = await services.drops.listed(caller)
    base = link_base(request, settings)
    views = [drop_view(drop, now, base) for drop in listed]
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
        terms=TERMS,
        able=caller.may_upload,
    )


def _unfound(answer: Response[str]) -> Response[str]:
    answer.set_header("X-Robots-Tag", "noindex, nofollow")
    return answer
