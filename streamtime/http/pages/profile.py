"""The settings pages of display name, profile picture and password, and serving profile pictures."""

import re
from collections.abc import Mapping

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect, Response

from streamtime.auth.access import AuthMethod, Caller
from streamtime.auth.audit import Actor
from streamtime.auth.users import User
from streamtime.database.transaction import Database
from streamtime.errors import Invalid, NotFound, Unauthenticated
from streamtime.http.middleware.authentication import MAX_PICTURE_BODY_BYTES, check_picture_size, new_cookie
from streamtime.http.pages.people import BASE_PATH as PEOPLE
from streamtime.http.requests import (
    Form,
    PageRequest,
    client_info_of,
    is_secure,
    read_file,
    read_form,
    require_account_management,
)
from streamtime.http.services import AccountServices, AuthServices
from streamtime.http.templates import Templates
from streamtime.translation import gettext

PROFILE = "/settings/profile"
PASSWORD = "/settings/password"  # noqa: S105  # an address


@get(PROFILE, include_in_schema=False)
async def profile_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the form for the display name, the picture, and what the caller writes about themselves."""
    require_account_management(caller)
    found = await accounts.users.by_name(caller.name)
    return _profile(request, templates, _form_of(found, {}), status=200)


def profile_again(request: PageRequest, templates: Templates, user: User, errors: Mapping[str, str]) -> Response[str]:
    """Return the profile page with errors by field."""
    return _profile(request, templates, _form_of(user, errors), status=400)


def _form_of(user: User, errors: Mapping[str, str]) -> Form:
    return {"display_name": user.display_name, "about": user.about, "errors": errors}


@post(PROFILE, include_in_schema=False)
async def set_profile(
    request: PageRequest,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Change the display name and what the caller writes about themselves."""
    require_account_management(caller)
    fields = await read_form(request, "display_name", "about")
    try:
        user = await accounts.users.by_name(caller.name)
        await accounts.profiles.change(user, fields["display_name"], fields["about"])
    except Invalid as error:
        return _profile(request, templates, {**fields, "errors": {error.field or "": error.message}}, status=400)
    return Redirect(PROFILE, status_code=303)


@get(PASSWORD, include_in_schema=False)
async def password_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    auth: NamedDependency[AuthServices],
    templates: NamedDependency[Templates],
    done: FromQuery[bool] = False,
) -> Response[str]:
    """Show the password form; `done`: it has just been changed."""
    require_account_management(caller)
    return await _password(request, caller, accounts, auth, templates, {}, status=200, done=done)


@post(PASSWORD, include_in_schema=False)
async def set_password(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    auth: NamedDependency[AuthServices],
    database: NamedDependency[Database],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Change the password. All other sessions end, and this one gets a new cookie."""
    require_account_management(caller)
    fields = await read_form(request, "old", "password")
    found = await accounts.users.by_name(caller.name)
    session_id = caller.credential_id if caller.auth_method is AuthMethod.COOKIE else None
    try:
        verified = await auth.passwords.verify(found.name, fields["old"], client_info_of(request))
        await accounts.administration.set_password(found, fields["password"], actor, keep_session=session_id)
    except Unauthenticated:
        return await _password(
            request, caller, accounts, auth, templates, {"old": gettext("That is not your password.")}, status=400
        )
    except Invalid as error:
        return await _password(request, caller, accounts, auth, templates, {"password": error.message}, status=400)
    auth.rate_limiter.refund(verified.limit_keys)
    cookies = []
    if session_id is not None:
        session = await database.write(lambda tx: auth.sessions.rotate_secret(tx, session_id))
        cookies = [new_cookie(session, secure=is_secure(request))]
    return Redirect(PASSWORD, query_params={"done": "true"}, status_code=303, cookies=cookies)


def _profile(request: PageRequest, templates: Templates, form: Form, *, status: int) -> Response[str]:
    return templates.page(
        request, "pages/profile.html", title=gettext("Profile"), nav="settings", status=status, form=form
    )


async def _password(
    request: PageRequest,
    caller: Caller,
    accounts: AccountServices,
    auth: AuthServices,
    templates: Templates,
    errors: dict[str, str],
    *,
    status: int,
    done: bool = False,
) -> Response[str]:
    return templates.page(
        request,
        "pages/password.html",
        title=gettext("Password"),
        nav="settings",
        status=status,
        errors=errors,
        done=done,
        has_password=await accounts.users.has_password(caller.name),
        provider=auth.oidc.name if auth.oidc else "",
    )


PICTURE = "/settings/picture"

_NAME = re.compile(r"picture-([1-9][0-9]{0,9})\.jpg")
_CACHE_CONTROL = "private, max-age=31536000, immutable"
"""Private, since the access check must run for every other user."""


@get("/people/{person:str}/{picture:str}", include_in_schema=False)
async def picture_of(
    person: FromPath[str],
    picture: FromPath[str],
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
) -> Response[bytes]:
    """Return a profile picture, `picture-{version}.jpg`. A path parameter of the framework is a whole path segment."""
    match = _NAME.fullmatch(picture)
    if match is None:
        raise NotFound
    found = await accounts.users.by_public_id(person)
    await accounts.profile_visibility.require(caller, found)
    jpeg = await accounts.pictures.jpeg(found, int(match[1]))
    headers = {"Cache-Control": _CACHE_CONTROL, "Vary": "Cookie, Authorization"}
    return Response(jpeg, media_type="image/jpeg", headers=headers)


@post(PICTURE, include_in_schema=False, request_max_body_size=MAX_PICTURE_BODY_BYTES, before_request=check_picture_size)
async def set_picture(
    request: PageRequest,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Set the picture, or show the page again with the errors."""
    require_account_management(caller)
    found = await accounts.users.by_name(caller.name)
    try:
        await accounts.pictures.set(found, await read_file(request, "picture"))
    except Invalid as error:
        return profile_again(request, templates, found, {error.field or "picture": error.message})
    return Redirect(PROFILE, status_code=303)


@post(PICTURE + "/remove", include_in_schema=False)
async def remove_picture(
    caller: NamedDependency[Caller], actor: NamedDependency[Actor], accounts: NamedDependency[AccountServices]
) -> Redirect:
    """Remove the caller's picture."""
    require_account_management(caller)
    await accounts.pictures.remove(await accounts.users.by_name(caller.name), actor)
    return Redirect(PROFILE, status_code=303)


@post(PEOPLE + "/{person:str}/remove-picture", include_in_schema=False)
async def remove_picture_of(
    account: NamedDependency[User],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
) -> Redirect:
    """Remove the picture of an account, as an administrator."""
    await accounts.pictures.remove(account, actor)
    return Redirect(f"{PEOPLE}/{account.public_id}", status_code=303)
