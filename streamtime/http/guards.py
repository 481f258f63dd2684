"""What every request passes before its handler: no other site sent it, and its token is good for it."""

from typing import Any

from litestar import Request
from litestar.datastructures import State

from streamtime.access.caller import AnonymousAccess, Caller, TokenScope
from streamtime.errors import Forbidden, Unauthenticated
from streamtime.http import csrf

_LIST_PATHS = frozenset({"/", "/explore", "/api/v1/videos"})
_BROWSE_PREFIXES = ("/@", "/watch/")
"""Where people look around. What they may see is decided elsewhere; here they are told to sign in, rather than that
there is nothing.
"""


async def check(request: Request[Any, Any, State]) -> None:
    """Let a request pass, or raise.

    Raises:
        Unauthenticated: somebody without an account looks around a server that is for its own people alone.
        Forbidden: another site sent it, its form has expired, or it would change something with a token for reading.
    """
    await csrf.check(request)
    caller: Caller = request.scope["caller"]  # type: ignore[typeddict-item]  # put there by the doorway
    path = request.url.path
    if (
        not caller.signed_in
        and caller.anonymous_access is AnonymousAccess.NOTHING
        and (path in _LIST_PATHS or path.startswith(_BROWSE_PREFIXES))
    ):
        raise Unauthenticated("Sign in first: this server is for its own people.")
    if request.method not in csrf.SAFE_METHODS and not caller.has_scope(TokenScope.UPLOAD):
        raise Forbidden("This token is for reading only.", code="scope")
