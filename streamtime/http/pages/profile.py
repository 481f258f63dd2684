"""One's own profile, and one's own password."""

from collections.abc import Mapping

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect, Response

from streamtime.access.caller import AuthMethod, Caller
from streamtime.accounts.audit import Actor
from streamtime.accounts.users import User
from streamtime.errors import Invalid, Unauthenticated
from streamtime.http.callers import new_cookie
from streamtime.http.forms import Form, read_form
from streamtime.http.requests import PageRequest, client_info_of, is_secure, require_account_management
from streamtime.http.services import Services
from streamtime.http.templates import Templates

PROFILE = "/settings/profile"
PASSWORD = "/settings/password"  # noqa: S105  # an address


@get(PROFILE, include_in_schema=False)
async def profile_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """What others read."""
    require_account_management(caller)
    found = await services.users.by_name(caller.name)
    return _profile(request, templates, {"display_name": found.display_name, "errors": {}}, status=200)


def profile_again(request: PageRequest, templates: Templates, user: User, errors: Mapping[str, str]) -> Response[str]:
    """The page again, with what was wrong with what was sent to it."""
    return _profile(request, templates, {"display_name": user.display_name, "errors": errors}, status=400)


@post(PROFILE, include_in_schema=False)
async def set_profile(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Change it."""
    require_account_management(caller)
    fields = await read_form(request, "display_name")
    try:
        await services.profiles.set_display_name(await services.users.by_name(caller.name), fields["display_name"])
    except Invalid as error:
        return _profile(request, templates, {**fields, "errors": {"display_name": error.message}}, status=400)
    return Redirect(PROFILE, status_code=303)


@get(PASSWORD, include_in_schema=False)
async def password_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
    done: FromQuery[bool] = False,
) -> Response[str]:
    """The form for another password; `done` says that it was changed just now."""
    require_account_management(caller)
    return await _password(request, caller, services, templates, {}, status=200, done=done)


@post(PASSWORD, include_in_schema=False)
async def set_password(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Change the password, with the one before. All other sessions end, and this one goes on by another cookie."""
    require_account_management(caller)
    fields = await read_form(request, "old", "password")
    found = await services.users.by_name(caller.name)
    kept = caller.credential_id if caller.auth_method is AuthMethod.COOKIE else None
    try:
        proved = await services.sign_in.verify_password(found.name, fields["old"], client_info_of(request))
        await services.administration.set_password(found, fields["password"], actor, keep_session=kept)
    except Unauthenticated:
        return await _password(request, caller, services, templates, {"old": "That is not your password."}, status=400)
    except Invalid as error:
        return await _password(request, caller, services, templates, {"password": error.message}, status=400)
    services.rate_limiter.refund(proved.limit_keys)
    cookies = []
    if kept is not None:
        session = await services.database.write(lambda tx: services.sessions.rotate_secret(tx, kept))
        cookies = [new_cookie(session, secure=is_secure(request))]
    return Redirect(PASSWORD, query_params={"done": "true"}, status_code=303, cookies=cookies)


def _profile(request: PageRequest, templates: Templates, form: Form, *, status: int) -> Response[str]:
    return templates.page(request, "pages/profile.html", title="Profile", nav="settings", status=status, form=form)


async def _password(
    request: PageRequest,
    caller: Caller,
    services: Services,
    templates: Templates,
    errors: dict[str, str],
    *,
    status: int,
    done: bool = False,
) -> Response[str]:
    return templates.page(
        request,
        "pages/password.html",
        title="Password",
        nav="settings",
        status=status,
        errors=errors,
        done=done,
        has_password=await services.users.has_password(caller.name),
        provider=services.oidc_sign_in.name if services.oidc_sign_in else "",
    )
