"""What every request passes before its handler: no other site sent it, and its token is good for it."""

from typing import Any

from litestar import Request
from litestar.datastructures import State

from streamtime.access.caller import Caller, Scope
from streamtime.errors import Forbidden
from streamtime.http import csrf


async def check(request: Request[Any, Any, State]) -> None:
    """Let a request pass, or raise.

    Raises:
        Forbidden: another site sent it, its form has expired, or it would change something with a token for reading.
    """
    await csrf.check(request)
    caller: Caller = request.scope["caller"]  # type: ignore[typeddict-item]  # put there by the doorway
    if request.method not in csrf.SAFE and not caller.may(Scope.UPLOAD):
        raise Forbidden("This token is for reading only.", code="scope")
