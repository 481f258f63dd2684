"""Signing in with an OpenID Connect provider, and connecting an account to it. Without a provider all URLs are 404."""

from urllib.parse import urlencode, urlsplit

from litestar import get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.response import Redirect, Response

from streamtime.auth.access import AuthMethod, Caller
from streamtime.auth.audit import Actor
from streamtime.auth.oidc.sign_in import AuthorizationRedirect, OidcLoginState, OidcSignIn
from streamtime.auth.oidc.types import AuthorizationResponse, OidcIdentity
from streamtime.auth.sign_in import VerifiedPassword
from streamtime.errors import Conflict, NotFound, StreamtimeError, TooManyRequests, Unauthenticated
from streamtime.formatting import time_iso
from streamtime.http.cookies import expired_cookie, host_cookie_name, make_cookie
from streamtime.http.middleware.authentication import new_cookie
from streamtime.http.problems import problem_of
from streamtime.http.public_urls import callback_url
from streamtime.http.requests import (
    Form,
    PageRequest,
    client_info_of,
    is_secure,
    local_path,
    read_form,
    require_account_management,
)
from streamtime.http.services import AccountServices, AuthServices, HttpSettings
from streamtime.http.templates import Templates
from streamtime.translation import gettext

BASE_PATH = "/login/oidc"
CALLBACK = "/login/oidc/callback"
CONNECTION = "/settings/provider"
COOKIE = "streamtime_attempt"

MAX_PARAMETER = 8_000
"""Maximum length of a parameter of the authorization response; some providers send long codes."""


@get(BASE_PATH, include_in_schema=False)
async def start_oidc_login(
    request: PageRequest,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    auth: NamedDependency[AuthServices],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Redirect the browser to the provider."""
    provider = require_oidc(auth)
    next_path = local_path(request.query_params.get("next", ""))
    if caller.signed_in:
        return Redirect(next_path, status_code=303)
    if await accounts.setup.needed():
        return Redirect("/setup", status_code=303)
    if _is_other_host(
        request, settings
    ):  # the callback URL has the public host, to which this host's cookies are not sent
        return Redirect(
            f"{settings.public_url}{BASE_PATH}?" + urlencode({"next": next_path, "moved": 1}), status_code=303
        )
    try:
        redirect = await provider.start(client_info_of(request), callback_url(request, settings, CALLBACK), next_path)
    except StreamtimeError as error:
        return _failed(request, templates, provider, error, next_path)
    return Redirect(redirect.url, status_code=303, cookies=[state_cookie(request, redirect)])


@get(CALLBACK, include_in_schema=False)
async def oidc_callback(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    auth: NamedDependency[AuthServices],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Handle the provider's response: sign in or connect the account. The login state is used up in any case."""
    provider = require_oidc(auth)
    next_path = "/library"
    try:
        response, state_token = _response(request), request.cookies.get(_cookie_name(request), "")
        login_state = await provider.consume_state(state_token, response.state, client_info_of(request))
        next_path = login_state.next_path
        identity = await provider.fetch_identity(login_state, response, client_info_of(request))
        if login_state.user_id is not None:
            await _connect(caller, actor, accounts, provider, login_state, identity)
            provider.refund(client_info_of(request))
            return Redirect(CONNECTION, status_code=303, cookies=[_expired_state_cookie(request)])
        session = await provider.sign_in(identity, client_info_of(request))
    except StreamtimeError as error:
        return _failed(request, templates, provider, error, next_path)
    cookies = [new_cookie(session, secure=is_secure(request)), _expired_state_cookie(request)]
    return Redirect(next_path, status_code=303, cookies=cookies)


def require_oidc(auth: AuthServices) -> OidcSignIn:
    """Return the OIDC sign-in service.

    Raises:
        NotFound: no provider is configured.
    """
    if auth.oidc is None:
        raise NotFound
    return auth.oidc


def state_cookie(request: PageRequest, redirect: AuthorizationRedirect) -> Cookie:
    """Return the cookie with the login state, which the callback requires."""
    return make_cookie(_cookie_name(request), redirect.state_token, redirect.max_age_s, secure=is_secure(request))


async def _connect(
    caller: Caller,
    actor: Actor,
    accounts: AccountServices,
    provider: OidcSignIn,
    login_state: OidcLoginState,
    identity: OidcIdentity,
) -> None:
    if caller.user_id != login_state.user_id or caller.auth_method is not AuthMethod.COOKIE:
        raise Unauthenticated(
            "You have been signed out. Sign in and connect your account again.", code="provider_state"
        )
    await provider.identities.connect(await accounts.users.by_name(caller.name), identity, actor)


def _response(request: PageRequest) -> AuthorizationResponse:
    def param(name: str) -> str:
        value: str = request.query_params.get(name, "")
        return value if len(value) <= MAX_PARAMETER else ""

    return AuthorizationResponse(
        state=param("state"), code=param("code"), error=param("error")[:100], issuer=param("iss")
    )


def _is_other_host(request: PageRequest, settings: HttpSettings) -> bool:
    """Return whether the request's host differs from the public URL's; `moved` prevents redirect loops."""
    public_host = urlsplit(settings.public_url).netloc.casefold()
    host = request.headers.get("host", "").casefold()
    return bool(public_host) and public_host != host and "moved" not in request.query_params


def _failed(
    request: PageRequest, templates: Templates, provider: OidcSignIn, error: StreamtimeError, next_path: str
) -> Response[str]:
    """Return the page of a failed sign-in. It does not repeat the current URL, which contains a code."""
    problem, headers = problem_of(error)
    answer = templates.page(
        request,
        "pages/provider-refused.html",
        title=gettext("Not signed in"),
        status=problem.status,
        message=problem.detail,
        provider=provider.name,
        next_path=next_path,
    )
    for name, value in headers.items():
        answer.set_header(name, value)
    answer.cookies.append(_expired_state_cookie(request))
    return answer


def _cookie_name(request: PageRequest) -> str:
    return host_cookie_name(COOKIE, secure=is_secure(request))


def _expired_state_cookie(request: PageRequest) -> Cookie:
    return expired_cookie(_cookie_name(request), secure=is_secure(request))


BLANK: Form = {"errors": {}}


@get(CONNECTION, include_in_schema=False)
async def connection_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    auth: NamedDependency[AuthServices],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show whether the account is connected, and the form to connect or disconnect it."""
    require_oidc(auth)
    require_account_management(caller)
    return await _page(request, caller, accounts, auth, templates, BLANK, status=200)


@post(CONNECTION, include_in_schema=False)
async def connect(
    request: PageRequest,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    auth: NamedDependency[AuthServices],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Start connecting the account with a page that leads to the provider; `form-action` forbids a redirect."""
    provider = require_oidc(auth)
    owner_id = require_account_management(caller)
    try:
        verified = await _verified_password(request, caller, accounts, auth)
        redirect = await provider.start(
            client_info_of(request), callback_url(request, settings, CALLBACK), CONNECTION, user_id=owner_id
        )
    except StreamtimeError as error:
        return await _show_again(request, caller, accounts, auth, templates, error)
    auth.passwords.refund(verified)
    answer = templates.page(
        request, "pages/provider-go.html", confidential=True, title=gettext("Connect"),
        provider=provider.name, url=redirect.url,
    )  # fmt: skip
    answer.cookies.append(state_cookie(request, redirect))
    return answer


@post(CONNECTION + "/disconnect", include_in_schema=False)
async def disconnect(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    auth: NamedDependency[AuthServices],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Disconnect the account from the provider."""
    provider = require_oidc(auth)
    require_account_management(caller)
    try:
        verified = await _verified_password(request, caller, accounts, auth)
        await provider.identities.disconnect(await accounts.users.by_name(caller.name), actor)
    except StreamtimeError as error:
        return await _show_again(request, caller, accounts, auth, templates, error)
    auth.passwords.refund(verified)
    return Redirect(CONNECTION, status_code=303)


async def _verified_password(
    request: PageRequest, caller: Caller, accounts: AccountServices, auth: AuthServices
) -> VerifiedPassword:
    """Verify the password of the caller's account.

    Raises:
        Conflict: the account has no password, so the provider is the only way to sign in.
        Unauthenticated: the password is wrong.
        TooManyRequests: there were too many attempts.
    """
    fields = await read_form(request, "password")
    if not await accounts.users.has_password(caller.name):
        raise Conflict("This account has no password: without the provider you could not sign in.")
    return await auth.passwords.verify(caller.name, fields["password"], client_info_of(request))


async def _show_again(
    request: PageRequest,
    caller: Caller,
    accounts: AccountServices,
    auth: AuthServices,
    templates: Templates,
    error: StreamtimeError,
) -> Response[str]:
    if isinstance(error, Unauthenticated):
        form: Form = {"errors": {"password": gettext("That is not your password.")}}
        return await _page(request, caller, accounts, auth, templates, form, status=400)
    problem, headers = problem_of(error)
    form = {
        "errors": {
            "": problem.detail
            if isinstance(error, Conflict | TooManyRequests)
            else _with_provider_name(auth, problem.detail)
        }
    }
    answer = await _page(request, caller, accounts, auth, templates, form, status=problem.status)
    for name, value in headers.items():
        answer.set_header(name, value)
    return answer


def _with_provider_name(auth: AuthServices, message: str) -> str:
    return f"{require_oidc(auth).name}: {message}"


async def _page(
    request: PageRequest,
    caller: Caller,
    accounts: AccountServices,
    auth: AuthServices,
    templates: Templates,
    form: Form,
    *,
    status: int,
) -> Response[str]:
    provider: OidcSignIn = require_oidc(auth)
    since = await provider.identities.connected_at_ms(require_account_management(caller))
    return templates.page(
        request,
        "pages/connection.html",
        title=provider.name,
        nav="settings",
        status=status,
        provider=provider.name,
        since_iso="" if since is None else time_iso(since),
        has_password=await accounts.users.has_password(caller.name),
        form=form,
    )
