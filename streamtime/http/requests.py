"""What handlers get: dependencies, and of a request its caller with permissions, client address and form fields."""

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from litestar import Request
from litestar.datastructures import State, UploadFile
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter
from litestar_htmx import HTMXRequest

from streamtime.auth.access import Caller, Role, TokenScope
from streamtime.auth.audit import MAX_ADDRESS, Actor, ClientInfo
from streamtime.auth.users import User
from streamtime.errors import Forbidden, Invalid, NotFound, Unauthenticated
from streamtime.http.services import AccountServices
from streamtime.videos.listing import MAX_LIMIT

MAX_FIELD = 20_000
"""Maximum length of a form field, in characters."""

FORM_OVERHEAD_BYTES = 64 * 1024
"""Bytes that a form may have in addition to its file."""

Text = Annotated[str, QueryParameter(max_length=200)]
"""A search or the value of a filter."""

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT)]
Cursor = Annotated[str, QueryParameter(max_length=2_000)]

Form: TypeAlias = Mapping[str, object]
"""Values of a form that a template shows: the input by field, and `errors` by field."""


async def read_form(request: Request[Any, Any, State], *names: str) -> dict[str, str]:
    """Return the form fields with these names; a missing field is empty.

    Raises:
        Invalid: a field is longer than `MAX_FIELD`, or is a file.
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
    """Return the content of the form's file with this name.

    Raises:
        Invalid: it is missing or empty.
    """
    file = (await request.form()).get(name)
    data = await file.read() if isinstance(file, UploadFile) else b""
    if not data:
        raise Invalid("Choose a file.", field=name)
    return data


def local_path(text: str) -> str:
    """Return `text` if it is a path on this server, else the library: protects redirects to a given target."""
    # With exactly one leading slash there is neither scheme nor host; browsers read a backslash as a slash.
    local = text.startswith("/") and not text.startswith(("//", "/\\")) and text.isprintable()
    return text if local else "/library"


def injected(value: object) -> Provide:
    """Return a dependency that is the same for all requests."""

    def provide() -> object:
        return value

    return Provide(provide, sync_to_thread=False)


def injected_field(source: object, name: str) -> Provide:
    """Return a dependency that is a field of `source`, such as one group of the services."""

    def provide() -> object:
        return getattr(source, name)

    return Provide(provide, sync_to_thread=False)


PageRequest: TypeAlias = HTMXRequest
ApiRequest: TypeAlias = Request[Any, Any, State]


async def caller_of(request: Request[Any, Any, State]) -> Caller:
    """Return the caller that RequestMiddleware has authenticated."""
    caller: Caller = request.scope["caller"]  # type: ignore[typeddict-item]  # set by RequestMiddleware
    return caller


async def reload_caller(request: Request[Any, Any, State]) -> Caller:
    """Authenticate the caller again, for responses that last long after the request."""
    found: Caller = await request.scope["caller_now"]()  # type: ignore[typeddict-item]  # set by RequestMiddleware
    return found


def rights_epoch(request: Request[Any, Any, State]) -> int:
    """Return a counter that changes when anyone's permissions may have changed. Reading it is cheap."""
    epoch: int = request.scope["rights_epoch"]()  # type: ignore[typeddict-item]  # set by RequestMiddleware
    return epoch


def require_signed_in(caller: Caller) -> Caller:
    """Return the caller, who must be signed in.

    Raises:
        Unauthenticated: the caller is anonymous.
    """
    if not caller.signed_in:
        raise Unauthenticated("Sign in first.")
    return caller


def account_id(caller: Caller) -> int:
    """Return the row id of the caller's account.

    Raises:
        Unauthenticated: the caller is anonymous.
    """
    if caller.user_id is None:
        raise Unauthenticated("Sign in first.")
    return caller.user_id


def require_uploader(caller: Caller) -> int:
    """Return the row id of the caller's account, which must be allowed to own videos.

    Raises:
        Unauthenticated: the caller is anonymous.
        Forbidden: the caller is a viewer.
    """
    owner_id = account_id(caller)
    if caller.role is Role.VIEWER:
        raise Forbidden("This is a viewer account: it cannot have videos.", code="viewer")
    return owner_id


def require_admin(caller: Caller) -> None:
    """Require an admin, and hide the page from others.

    Raises:
        NotFound: the caller is not an admin.
    """
    if not caller.is_admin:
        raise NotFound


async def account_from_path(
    person: FromPath[str], caller: NamedDependency[Caller], accounts: NamedDependency[AccountServices]
) -> User:
    """Return the account in the path of an admin page.

    Raises:
        NotFound: there is no such account, or the caller is not an admin.
    """
    require_admin(caller)
    return await accounts.users.by_public_id(person)


def client_address(request: Request[Any, Any, State]) -> str:
    """Return the client's IP address, from the connection or a trusted proxy; empty if unknown."""
    return request.client.host[:MAX_ADDRESS] if request.client else ""


async def actor_of(request: Request[Any, Any, State]) -> Actor:
    """Return the actor of the request for the audit log."""
    return Actor.of(await caller_of(request), client_address(request))


def client_info_of(request: Request[Any, Any, State]) -> ClientInfo:
    """Return the client's address and user agent."""
    return ClientInfo.of(client_address(request), request.headers.get("user-agent", ""))


def rate_limit_key(request: Request[Any, Any, State], caller: Caller) -> str:
    """Return the key that rate limits count by: the account, or the client network of an anonymous caller."""
    return client_info_of(request).network if caller.user_id is None else f"account {caller.user_id}"


def require_account_management(caller: Caller) -> int:
    """Return the account of a caller who may manage its sign-in: with full permissions, not a scoped token.

    Raises:
        Unauthenticated: the caller is anonymous.
        Forbidden: the caller's token or ticket is limited in scope.
    """
    owner_id = account_id(caller)
    if not caller.has_scope(TokenScope.ADMIN) or caller.only_video is not None:
        raise Forbidden("This token may not manage tokens and sessions.", code="scope")
    return owner_id


def is_secure(request: Request[Any, Any, State]) -> bool:
    """Return whether the request came over https."""
    return request.url.scheme == "https"


def wants_fragment(request: PageRequest) -> bool:
    """Return whether htmx requests a fragment rather than a whole page."""
    return bool(request.htmx) and not request.htmx.boosted and not request.htmx.history_restore_request
