"""Pictures of people: their bytes, and the buttons by which they come and go."""

import re

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.access.caller import Caller
from streamtime.accounts.audit import Actor
from streamtime.accounts.pictures import MAX_BYTES, picture_too_large
from streamtime.accounts.users import User
from streamtime.errors import Invalid, NotFound
from streamtime.http import guards
from streamtime.http.forms import FORM_OVERHEAD_BYTES, read_file
from streamtime.http.pages.people import BASE_PATH as PEOPLE
from streamtime.http.pages.profile import PROFILE, profile_again
from streamtime.http.requests import ApiRequest, PageRequest, require_account_management
from streamtime.http.services import Services
from streamtime.http.templates import Templates

PICTURE = "/settings/picture"
MAX_BODY_BYTES = MAX_BYTES + FORM_OVERHEAD_BYTES

_NAME = re.compile(r"picture-([1-9][0-9]{0,9})\.jpg")
_KEPT = "private, max-age=31536000, immutable"
"""By this browser alone: who may see it is decided anew for everybody else."""


async def check_body_size(request: ApiRequest) -> None:
    """What every request passes; one whose body is too large for a picture is told so in words of its own.

    Raises:
        TooLarge: it is.
    """
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > MAX_BODY_BYTES:
        raise picture_too_large()
    await guards.check(request)


@get("/people/{person:str}/{picture:str}", include_in_schema=False)
async def picture_of(
    person: FromPath[str], picture: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> Response[bytes]:
    """`picture-{version}.jpg`: somebody's picture. The framework's parameters are whole segments of a path."""
    named = _NAME.fullmatch(picture)
    if named is None:
        raise NotFound
    found = await services.users.by_public_id(person)
    await services.profile_visibility.require(caller, found)
    jpeg = await services.pictures.jpeg(found, int(named[1]))
    headers = {"Cache-Control": _KEPT, "Vary": "Cookie, Authorization"}
    return Response(jpeg, media_type="image/jpeg", headers=headers)


@post(PICTURE, include_in_schema=False, request_max_body_size=MAX_BODY_BYTES, before_request=check_body_size)
async def set_picture(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Show another picture, or the page again with what is wrong."""
    require_account_management(caller)
    found = await services.users.by_name(caller.name)
    try:
        await services.pictures.set(found, await read_file(request, "picture"))
    except Invalid as error:
        return profile_again(request, templates, found, {error.field or "picture": error.message})
    return Redirect(PROFILE, status_code=303)


@post(PICTURE + "/remove", include_in_schema=False)
async def remove_picture(
    caller: NamedDependency[Caller], actor: NamedDependency[Actor], services: NamedDependency[Services]
) -> Redirect:
    """Show initials again."""
    require_account_management(caller)
    await services.pictures.remove(await services.users.by_name(caller.name), actor)
    return Redirect(PROFILE, status_code=303)


@post(PEOPLE + "/{person:str}/remove-picture", include_in_schema=False)
async def remove_picture_of(
    account: NamedDependency[User],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> Redirect:
    """Those who run the server take somebody's picture away."""
    await services.pictures.remove(account, actor)
    return Redirect(f"{PEOPLE}/{account.public_id}", status_code=303)
