"""What handlers take from a request, under the names that the application injects.

What a form sends: short texts by name, nothing else.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from litestar import Request
from litestar.datastructures import State, UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar_htmx import HTMXRequest

from streamtime.auth.access import Caller, Role, TokenScope
from streamtime.auth.audit import MAX_ADDRESS, Actor, ClientInfo
from streamtime.auth.users import User
from streamtime.errors import Forbidden, Invalid, NotFound, Unauthenticated
from streamtime.http.services import Services

MAX_FIELD = 20_000

FORM_OVERHEAD_BYTES = 64 * 1024
"""Bytes that a form may have beside the file in it."""

Form: TypeAlias = Mapping[str, object]
"""A form as it is shown again: what was typed, and `errors` by field."""


async def read_form(request: Request[Any, Any, State], *names: str) -> dict[str, str]:
    """The fields of these names; one that was not sent is empty.

    Raises:
        Invalid: a field is longer than anything we ask for, or is a file.
    """
    form = await request.form()
    fields: dict[str, str] = {}
    for name in names:
        value = form.get(name, "")
        if not isinstance(value, str) or len(value) > MAX_FIELD:
            raise Invalid("That is too long.", field=name)
        fields[name] = value
    return fields


async def read_file(request: Request[Any, Any, State], name: str) -> bytes:
    """The file that a form sends under this name.

    Raises:
        Invalid: there is none.
    """
    file = (await request.form()).get(name)
    data = await file.read() if isinstance(file, UploadFile) else b""
    if not data:
        raise Invalid("Choose a file.", field=name)
    return data


def local_path(text: str) -> str:
    """A path on this server that a form says to go to next; anything else leads to the library."""
    # What begins with one slash, and no second one that a browser would see, has neither scheme nor host.
    ours = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if ours else "/library"


PageRequest: TypeAlias = HTMXRequest
ApiRequest: TypeAlias = Request[Any, Any, State]


async def caller_of(request: Request[Any, Any, State]) -> Caller:
    """Who asks, as the doorway found out."""
    caller: Caller = request.scope["caller"]  # type: ignore[typeddict-item]  # put there by the doorway
    return caller


async def reload_caller(request: Request[Any, Any, State]) -> Caller:
    """Who asks, found out anew: for what goes on after the request was let in."""
    found: Caller = await request.scope["caller_now"]()  # type: ignore[typeddict-item]  # put there by the doorway
    return found


def rights_epoch(request: Request[Any, Any, State]) -> int:
    """A number that moves when anybody's rights may have changed: it costs next to nothing to look at."""
    epoch: int = request.scope["rights_epoch"]()  # type: ignore[typeddict-item]  # put there by the doorway
    return epoch


def require_signed_in(caller: Caller) -> Caller:
    """The caller, who must be somebody.

    Raises:
        Unauthenticated: nobody we know is asking.
    """
    if not caller.signed_in:
        raise Unauthenticated("Sign in first.")
    return caller


def account_id(caller: Caller) -> int:
    """The row id of the caller's account.

    Raises:
        Unauthenticated: nobody we know is asking.
    """
    if caller.user_id is None:
        raise Unauthenticated("Sign in first.")
    return caller.user_id


def require_uploader(caller: Caller) -> int:
    """The row id of the caller's account, which may have videos of its own.

    Raises:
        Unauthenticated: nobody we know is asking.
        Forbidden: the account is a viewer's.
    """
    owner_id = account_id(caller)
    if caller.role is Role.VIEWER:
        raise Forbidden("This account is for watching: it has no videos of its own.", code="viewer")
    return owner_id


def require_admin(caller: Caller) -> None:
    """Let admins pass.

    Raises:
        NotFound: for everybody else there is nothing here.
    """
    if not caller.is_admin:
        raise NotFound


async def account_from_path(
    person: FromPath[str], caller: NamedDependency[Caller], services: NamedDependency[Services]
) -> User:
    """The account that a page of those who run the server is about.

    Raises:
        NotFound: there is none of that id, or somebody else asks.
    """
    require_admin(caller)
    return await services.users.by_public_id(person)


def client_address(request: Request[Any, Any, State]) -> str:
    """The client's address, as the connection or a proxy that is believed tells it; empty where nothing does."""
    return request.client.host[:MAX_ADDRESS] if request.client else ""


async def actor_of(request: Request[Any, Any, State]) -> Actor:
    """Who does what the request asks for, as the audit names them."""
    return Actor.of(await caller_of(request), client_address(request))


def client_info_of(request: Request[Any, Any, State]) -> ClientInfo:
    """Where somebody comes from who signs in."""
    return ClientInfo.of(client_address(request), request.headers.get("user-agent", ""))


def rate_limit_key(request: Request[Any, Any, State], caller: Caller) -> str:
    """Who counts as one for what is limited: an account, wherever it is, or else the place that a stranger is at."""
    return client_info_of(request).network if caller.user_id is None else f"account {caller.user_id}"


def require_account_management(caller: Caller) -> int:
    """The account of a caller who may manage how it is signed in to: with all its rights, not with some of them.

    Raises:
        Unauthenticated: nobody we know is asking.
        Forbidden: what they proved themselves with is not good for that.
    """
    owner_id = account_id(caller)
    if not caller.has_scope(TokenScope.ADMIN) or caller.only_video is not None:
        raise Forbidden("This token is not good for managing tokens and sessions.", code="scope")
    return owner_id


def is_secure(request: Request[Any, Any, State]) -> bool:
    """Whether this very request came over https."""
    return request.url.scheme == "https"


def wants_fragment(request: PageRequest) -> bool:
    """Whether htmx asks for a piece of a page, rather than a browser for all of it."""
    return bool(request.htmx) and not request.htmx.boosted and not request.htmx.history_restore_request
