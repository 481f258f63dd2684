"""/api/v1/tokens: one's own API tokens."""

from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Response

from streamtime.auth.access import Caller, TokenScope
from streamtime.auth.api_tokens import ApiToken
from streamtime.auth.audit import Actor
from streamtime.formatting import time_iso
from streamtime.http.problems import problems
from streamtime.http.requests import require_account_management
from streamtime.http.services import Services


class TokenBody(msgspec.Struct):
    """A token in use. `last_used_at` is null where it was never used."""

    id: str
    label: str
    scope: TokenScope
    created_at: str
    last_used_at: str | None


class NewTokenBody(TokenBody):
    """A token just made. `token` is its secret, told this once."""

    token: str


class TokenList(msgspec.Struct):
    """All of one's own, the newest first."""

    items: list[TokenBody]


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """What the token is for, and what it may do: `read`, `upload` (send and change videos) or `admin` (everything)."""

    label: Annotated[str, msgspec.Meta(max_length=1_000)]
    scope: TokenScope = TokenScope.READ


@get("/api/v1/tokens", responses=problems(401, 403), tags=["account"], summary="List API tokens")
async def list_tokens(caller: NamedDependency[Caller], services: NamedDependency[Services]) -> TokenList:
    """Those of the account that are in use."""
    return TokenList(
        [_body(token) for token in await services.api_tokens.list_for_user(require_account_management(caller))]
    )


@post("/api/v1/tokens", responses=problems(401, 403, 409, 413), tags=["account"], summary="Make an API token")
async def create_token(
    data: JSONBody[NewToken],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> Response[NewTokenBody]:
    """For somebody signed in, or with a token that may do everything: no token makes a wider one than itself."""
    made = await services.api_tokens.create(actor, require_account_management(caller), data.label, data.scope)
    body = NewTokenBody(**msgspec.structs.asdict(_body(made.token)), token=made.secret)
    return Response(body, headers={"Cache-Control": "no-store"})


@delete(
    "/api/v1/tokens/{token:str}", responses=problems(401, 403, 404), tags=["account"], summary="Revoke an API token"
)
async def revoke_token(
    token: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> None:
    """It is refused from the next request on."""
    await services.api_tokens.revoke(actor, token, of_user=require_account_management(caller))


def _body(token: ApiToken) -> TokenBody:
    used = token.last_used_at_ms
    return TokenBody(
        id=token.public_id,
        label=token.label,
        scope=token.scope,
        created_at=time_iso(token.created_at_ms),
        last_used_at=None if used is None else time_iso(used),
    )
