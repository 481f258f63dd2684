"""Whether one's own account is opened by the provider: connecting it and disconnecting it, with the password."""

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Redirect, Response

from streamtime.auth.access import Caller
from streamtime.auth.audit import Actor
from streamtime.auth.oidc.sign_in import OidcSignIn
from streamtime.auth.sign_in import VerifiedPassword
from streamtime.errors import Conflict, StreamtimeError, TooManyRequests, Unauthenticated
from streamtime.formatting import time_iso
from streamtime.http.pages.oidc import CALLBACK, CONNECTION, require_oidc, state_cookie
from streamtime.http.problems import problem_of
from streamtime.http.public_urls import callback_url
from streamtime.http.requests import Form, PageRequest, client_info_of, read_form, require_account_management
from streamtime.http.services import HttpSettings, Services
from streamtime.http.templates import Templates

BLANK: Form = {"errors": {}}


@get(CONNECTION, include_in_schema=False)
async def connection_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Whether the account is connected, and the form that changes it."""
    require_oidc(services)
    require_account_management(caller)
    return await _page(request, caller, services, templates, BLANK, status=200)


@post(CONNECTION, include_in_schema=False)
async def connect(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Begin to connect it: by a page that leads there, since a form may not (`form-action` of our policy)."""
    provider = require_oidc(services)
    owner_id = require_account_management(caller)
    try:
        proved = await _verified_password(request, caller, services)
        sent = await provider.start(
            client_info_of(request), callback_url(request, settings, CALLBACK), CONNECTION, user_id=owner_id
        )
    except StreamtimeError as error:
        return await _show_again(request, caller, services, templates, error)
    services.sign_in.refund(proved)
    answer = templates.page(
        request, "pages/provider-go.html", confidential=True, title="Connect",
        provider=provider.name, url=sent.url,
    )  # fmt: skip
    answer.cookies.append(state_cookie(request, sent))
    return answer


@post(CONNECTION + "/disconnect", include_in_schema=False)
async def disconnect(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Let the provider open it no more."""
    provider = require_oidc(services)
    require_account_management(caller)
    try:
        proved = await _verified_password(request, caller, services)
        await provider.identities.disconnect(await services.users.by_name(caller.name), actor)
    except StreamtimeError as error:
        return await _show_again(request, caller, services, templates, error)
    services.sign_in.refund(proved)
    return Redirect(CONNECTION, status_code=303)


async def _verified_password(request: PageRequest, caller: Caller, services: Services) -> VerifiedPassword:
    """Somebody who knows the password of the account that is signed in.

    Raises:
        Conflict: it has none: the provider is the only way in.
        Unauthenticated: it is another one.
        TooMany: it was tried too often.
    """
    fields = await read_form(request, "password")
    if not await services.users.has_password(caller.name):
        raise Conflict("This account has no password: without the provider, nobody could sign in to it.")
    return await services.sign_in.verify_password(caller.name, fields["password"], client_info_of(request))


async def _show_again(
    request: PageRequest, caller: Caller, services: Services, templates: Templates, error: StreamtimeError
) -> Response[str]:
    if isinstance(error, Unauthenticated):
        form: Form = {"errors": {"password": "That is not your password."}}
        return await _page(request, caller, services, templates, form, status=400)
    problem, headers = problem_of(error)
    form = {
        "errors": {
            "": problem.detail
            if isinstance(error, Conflict | TooManyRequests)
            else _with_provider_name(services, problem.detail)
        }
    }
    answer = await _page(request, caller, services, templates, form, status=problem.status)
    for name, value in headers.items():
        answer.set_header(name, value)
    return answer


def _with_provider_name(services: Services, words: str) -> str:
    return f"{require_oidc(services).name}: {words}"


async def _page(
    request: PageRequest, caller: Caller, services: Services, templates: Templates, form: Form, *, status: int
) -> Response[str]:
    provider: OidcSignIn = require_oidc(services)
    since = await provider.identities.connected_at_ms(require_account_management(caller))
    return templates.page(
        request,
        "pages/connection.html",
        title=provider.name,
        nav="settings",
        status=status,
        provider=provider.name,
        since_iso="" if since is None else time_iso(since),
        has_password=await services.users.has_password(caller.name),
        form=form,
    )
