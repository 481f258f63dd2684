"""/api/v1/auth: tokens for clients that sign in with a name and a password."""

from typing import Annotated

import msgspec
from litestar import post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.response import Response

from streamtime.auth.access import AuthMethod, Caller
from streamtime.auth.audit import Actor
from streamtime.auth.refresh_tokens import TokenPair
from streamtime.auth.sign_in import SessionKind
from streamtime.errors import Invalid, Unauthenticated
from streamtime.http.api.operations import OptionalBody
from streamtime.http.problems import problems
from streamtime.http.requests import ApiRequest, client_info_of
from streamtime.http.services import Services

Secret = Annotated[str, msgspec.Meta(max_length=300)]


class TokenRequest(msgspec.Struct, forbid_unknown_fields=True):
    """A name and a password, and `otp` where the account has a second factor; or a refresh token."""

    username: Annotated[str, msgspec.Meta(max_length=100)] = ""
    password: Secret = ""
    otp: Annotated[str, msgspec.Meta(max_length=100)] = ""
    refresh_token: Secret = ""


class Tokens(msgspec.Struct):
    """A pair of tokens. `access_token` is good for `expires_in` seconds, `refresh_token` for one more pair."""

    access_token: str
    token_type: str
    expires_in: int
    refresh_token: str


class Revocation(msgspec.Struct, forbid_unknown_fields=True):
    """The refresh token of the session that is to end; without one it is the session of the request itself."""

    refresh_token: Secret = ""


@post(
    "/api/v1/auth/token",
    status_code=200,
    responses=problems(401, 403, 413, 429),
    tags=["account"],
    summary="Sign a client in, or get the next tokens",
)
async def get_tokens(
    request: ApiRequest, data: JSONBody[TokenRequest], services: NamedDependency[Services]
) -> Response[Tokens]:
    """With `username` and `password` a session begins; with `refresh_token` it goes on.

    An account with a second factor answers 401 with the code `otp_needed` unless `otp` is a code of it, by time or for
    recovery, and 401 with `wrong_code` where that is wrong or was used.

    A refresh token is good once. Bringing one that was used ends the session.
    """
    visit = client_info_of(request)
    if data.refresh_token and not (data.username or data.password or data.otp):
        return _answer(await services.refresh_tokens.rotate(data.refresh_token, visit))
    if data.refresh_token or not data.username:
        raise Invalid("Send either username and password, or refresh_token.")
    name = data.username.strip()
    session = await services.sign_in.sign_in_with_password(
        name, data.password, visit, SessionKind.CLIENT, code=data.otp
    )
    return _answer(await services.refresh_tokens.issue(session))


@post(
    "/api/v1/auth/revoke",
    status_code=204,
    responses=problems(401, 403, 413),
    operation_class=OptionalBody,
    tags=["account"],
    summary="Sign a client out",
)
async def revoke_tokens(
    request: ApiRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    data: JSONBody[Revocation | None] = None,
) -> None:
    """End a client's session: its tokens are refused from the next request on. An unknown token is no error."""
    if data is not None and data.refresh_token:
        await services.refresh_tokens.revoke(data.refresh_token, client_info_of(request))
    elif caller.auth_method is AuthMethod.ACCESS:
        await services.sign_in.sign_out(actor, caller.credential_id)
    else:
        raise Unauthenticated("Send the refresh token of the session, or its access token.")


def _answer(pair: TokenPair) -> Response[Tokens]:
    body = Tokens(pair.access_token, "Bearer", pair.expires_in_s, pair.refresh_token)
    return Response(body, headers={"Cache-Control": "no-store"})
