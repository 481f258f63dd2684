"""/api/v1/me/picture, and those of others for those who run the server. One is sent as its file is, as the body."""

import msgspec
from litestar import delete, put
from litestar.di import NamedDependency
from litestar.params import FromPath

from streamtime.access.caller import Caller
from streamtime.accounts.audit import Actor
from streamtime.http.api.operations import BinaryBody
from streamtime.http.api.users import BASE_PATH as USERS
from streamtime.http.api.users import require_admin_or_forbid
from streamtime.http.pages.picture import MAX_BODY_BYTES, check_body_size
from streamtime.http.problems import problems
from streamtime.http.requests import ApiRequest, require_account_management
from streamtime.http.services import Services
from streamtime.http.views import picture_href

PICTURE = "/api/v1/me/picture"


class PictureBody(msgspec.Struct):
    """Where one's picture is from now on; another picture has another address."""

    url: str | None


@put(
    PICTURE,
    operation_class=BinaryBody,
    responses=problems(401, 403, 413, 429),
    tags=["account"],
    summary="Set one's picture",
    request_max_body_size=MAX_BODY_BYTES,
    before_request=check_body_size,
)
async def put_picture(
    request: ApiRequest, caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> PictureBody:
    """The body is a JPEG, PNG, WebP or GIF of at most 10 MB; the middle of it is kept as a square of 256 pixels."""
    require_account_management(caller)
    found = await services.users.by_name(caller.name)
    version = await services.pictures.set(found, await request.body())
    return PictureBody(picture_href(found.public_id, version))


@delete(PICTURE, responses=problems(401, 403), tags=["account"], summary="Remove one's picture")
async def delete_picture(
    caller: NamedDependency[Caller], actor: NamedDependency[Actor], services: NamedDependency[Services]
) -> None:
    """Initials are shown again."""
    require_account_management(caller)
    await services.pictures.remove(await services.users.by_name(caller.name), actor)


@delete(
    USERS + "/{user:str}/picture",
    responses=problems(401, 403, 404),
    tags=["admin"],
    summary="Remove somebody's picture",
)
async def delete_user_picture(
    user: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> None:
    """By the account's id."""
    require_admin_or_forbid(caller)
    await services.pictures.remove(await services.users.by_public_id(user), actor)
