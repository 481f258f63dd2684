"""/api/v1/auth: access and refresh tokens of clients that sign in with a password; /api/v1/tokens: API tokens."""

from typing import Annotated

import msgspec
from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.response import Response

from streamtime.auth.access import AuthMethod, Caller, TokenScope
from streamtime.auth.api_tokens import ApiToken
from streamtime.auth.audit import Actor
from streamtime.auth.refresh_tokens import TokenPair
from streamtime.auth.sign_in import SessionKind
from streamtime.errors import Invalid, Unauthenticated
from streamtime.formatting import time_iso
from streamtime.http.api.operations import OptionalBody
from streamtime.http.problems import problems
from streamtime.http.public_urls import absolute_url
from streamtime.http.requests import ApiRequest, client_info_of, require_account_management
from streamtime.http.secret_paths import feed_path
from streamtime.http.services import AuthServices, HttpSettings


class TokenBody(msgspec.Struct):
    """An API token. `last_used_at` is null if it was never used."""

    id: str
    label: str
    scope: TokenScope
    created_at: str
    last_used_at: str | None


class NewTokenBody(TokenBody):
    """A new API token. `token` is its secret, shown once. With the scope `feed` it is part of `feed_url`."""

    token: str
    feed_url: str | None


class TokenList(msgspec.Struct):
    """All API tokens of the caller, newest first."""

    items: list[TokenBody]


class NewToken(msgspec.Struct, forbid_unknown_fields=True):
    """A label, and a scope: `feed` (feeds alone), `read`, `upload` (upload and change videos), `admin` (everything)."""

    label: Annotated[str, msgspec.Meta(max_length=1_000)]
    scope: TokenScope = TokenScope.READ


@get("/api/v1/tokens", responses=problems(401, 403), tags=["account"], summary="List API tokens")
async def list_tokens(caller: NamedDependency[Caller], auth: NamedDependency[AuthServices]) -> TokenList:
    """The API tokens of the account that are not revoked."""
    return TokenList(
        [_body(token) for token in await auth.api_tokens.list_for_user(require_account_management(caller))]
    )


@post("/api/v1/tokens", responses=problems(401, 403, 409, 413), tags=["account"], summary="Create an API token")
async def create_token(
    request: ApiRequest,
    data: JSONBody[NewToken],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    auth: NamedDependency[AuthServices],
    settings: NamedDependency[HttpSettings],
) -> Response[NewTokenBody]:
    """Requires a session, or a token with the scope `admin`: a token cannot create one with a wider scope."""
    created = await auth.api_tokens.create(actor, require_account_management(caller), data.label, data.scope)
    feed_url = absolute_url(request, settings, feed_path(created.secret)) if data.scope is TokenScope.FEED else None
    body = NewTokenBody(**msgspec.structs.asdict(_body(created.token)), token=created.secret, feed_url=feed_url)
    return Response(body, headers={"Cache-Control": "no-store"})


@delete(
    "/api/v1/tokens/{token:str}", responses=problems(401, 403, 404), tags=["account"], summary="Revoke an API token"
)
async def revoke_token(
    token: FromPath[str],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    auth: NamedDependency[AuthServices],
) -> None:
    """The token is rejected from the next request on."""
    await auth.api_tokens.revoke(actor, token, of_user=require_account_management(caller))


def _body(token: ApiToken) -> TokenBody:
    used = token.last_used_at_ms
    return TokenBody(
        id=token.public_id,
        label=token.label,
        scope=token.scope,
        created_at=time_iso(token.created_at_ms),
        last_used_at=None if used is None else time_iso(used),
    )


Secret = Annotated[str, msgspec.Meta(max_length=300)]


class TokenRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A user name and password, with `otp` if the account has a second factor; or a refresh token."""

    username: Annotated[str, msgspec.Meta(max_length=100)] = ""
    password: Secret = ""
    otp: Annotated[str, msgspec.Meta(max_length=100)] = ""
    refresh_token: Secret = ""


class Tokens(msgspec.Struct):
    """A pair of tokens. `access_token` is valid for `expires_in` seconds, `refresh_token` for one new pair."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str


class Revocation(msgspec.Struct, forbid_unknown_fields=True):
    """The refresh token of the session to end; without it, the session of the request's access token ends."""

    refresh_token: Secret = ""


@post(
    "/api/v1/auth/token",
    status_code=200,
    responses=problems(401, 403, 413, 429),
    tags=["account"],
    summary="Sign in a client, or refresh its tokens",
)
async def get_tokens(
    request: ApiRequest, data: JSONBody[TokenRequest], auth: NamedDependency[AuthServices]
) -> Response[Tokens]:
    """`username` and `password` start a session; `refresh_token` continues it.

    For an account with a second factor, the response is 401 with the code `otp_needed` if `otp` is missing, and with
    `wrong_code` if it is wrong or was used. `otp` is a TOTP code or a recovery code.

    A refresh token can be used once. Using it again ends the session.
    """
    client = client_info_of(request)
    if data.refresh_token and not (data.username or data.password or data.otp):
        return _answer(await auth.refresh_tokens.rotate(data.refresh_token, client))
    if data.refresh_token or not data.username:
        raise Invalid("Send either username and password, or refresh_token.")
    name = data.username.strip()
    session = await auth.sign_in.sign_in_with_password(name, data.password, client, SessionKind.CLIENT, code=data.otp)
    return _answer(await auth.refresh_tokens.issue(session))


@post(
    "/api/v1/auth/revoke",
    status_code=204,
    responses=problems(401, 403, 413),
    operation_class=OptionalBody,
    tags=["account"],
    summary="Sign out a client",
)
async def revoke_tokens(
    request: ApiRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    auth: NamedDependency[AuthServices],
    data: JSONBody[Revocation | None] = None,
) -> None:
    """End the session of a client. Its tokens are rejected from the next request on. An unknown token is no error."""
    if data is not None and data.refresh_token:
        await auth.refresh_tokens.revoke(data.refresh_token, client_info_of(request))
    elif caller.auth_method is AuthMethod.ACCESS:
        await auth.sign_in.sign_out(actor, caller.credential_id)
    else:
        raise Unauthenticated("Send the refresh token of the session, or its access token.")


def _answer(pair: TokenPair) -> Response[Tokens]:
    body = Tokens(pair.access_token, "Bearer", pair.expires_in_s, pair.refresh_token)
    return Response(body, headers={"Cache-Control": "no-store"})
