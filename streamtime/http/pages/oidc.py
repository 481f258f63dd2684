"""Signing in by a provider: there, and back. Where none is configured, there is nothing at these addresses."""

from urllib.parse import urlencode, urlsplit

from litestar import get
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.response import Redirect, Response

from streamtime.auth.access import AuthMethod, Caller
from streamtime.auth.audit import Actor
from streamtime.auth.oidc.sign_in import AuthorizationRedirect, OidcLoginState, OidcSignIn
from streamtime.auth.oidc.types import AuthorizationResponse, OidcIdentity
from streamtime.errors import NotFound, StreamtimeError, Unauthenticated
from streamtime.http.middleware.authentication import new_cookie
from streamtime.http.problems import problem_of
from streamtime.http.public_urls import callback_url
from streamtime.http.requests import PageRequest, client_info_of, is_secure, local_path
from streamtime.http.services import HttpSettings, Services
from streamtime.http.templates import Templates

BASE_PATH = "/login/oidc"
CALLBACK = "/login/oidc/callback"
CONNECTION = "/settings/provider"

MAX_PARAMETER = 8_000
"""Of what a provider sends back: codes of some are long."""


@get(BASE_PATH, include_in_schema=False)
async def start_oidc_login(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Send a browser to the provider."""
    provider = require_oidc(services)
    following = local_path(request.query_params.get("next", ""))
    if caller.signed_in:
        return Redirect(following, status_code=303)
    if await services.setup.needed():
        return Redirect("/setup", status_code=303)
    if _is_other_host(request, settings):  # the provider leads back there, where a cookie of here would be missing
        return Redirect(
            f"{settings.public_url}{BASE_PATH}?" + urlencode({"next": following, "moved": 1}), status_code=303
        )
    try:
        sent = await provider.start(client_info_of(request), callback_url(request, settings, CALLBACK), following)
    except StreamtimeError as error:
        return _refused(request, templates, provider, error, following)
    return Redirect(sent.url, status_code=303, cookies=[state_cookie(request, sent)])


@get(CALLBACK, include_in_schema=False)
async def oidc_callback(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Take somebody in who comes back, or connect their account. Whatever comes of it, the note is spent."""
    provider = require_oidc(services)
    following = "/library"
    try:
        response, note = _response(request), request.cookies.get(_cookie_name(request), "")
        attempt = await provider.consume_state(note, response.state, client_info_of(request))
        following = attempt.next_path
        identity = await provider.fetch_identity(attempt, response, client_info_of(request))
        if attempt.user_id is not None:
            await _connect(caller, actor, services, provider, attempt, identity)
            provider.refund(client_info_of(request))
            return Redirect(CONNECTION, status_code=303, cookies=[_expired_state_cookie(request)])
        session = await provider.sign_in(identity, client_info_of(request))
    except StreamtimeError as error:
        return _refused(request, templates, provider, error, following)
    cookies = [new_cookie(session, secure=is_secure(request)), _expired_state_cookie(request)]
    return Redirect(following, status_code=303, cookies=cookies)


def require_oidc(services: Services) -> OidcSignIn:
    """Signing in by a provider, where there is one.

    Raises:
        NotFound: there is none.
    """
    if services.oidc_sign_in is None:
        raise NotFound
    return services.oidc_sign_in


def state_cookie(request: PageRequest, sent: AuthorizationRedirect) -> Cookie:
    """The cookie that a browser is to come back with."""
    return _cookie(request, sent.state_token, sent.max_age_s)


async def _connect(
    caller: Caller,
    actor: Actor,
    services: Services,
    provider: OidcSignIn,
    attempt: OidcLoginState,
    identity: OidcIdentity,
) -> None:
    if caller.user_id != attempt.user_id or caller.auth_method is not AuthMethod.COOKIE:
        raise Unauthenticated(
            "You were signed out meanwhile. Sign in and connect your account again.", code="provider_state"
        )
    await provider.identities.connect(await services.users.by_name(caller.name), identity, actor)


def _response(request: PageRequest) -> AuthorizationResponse:
    def of(name: str) -> str:
        value: str = request.query_params.get(name, "")
        return value if len(value) <= MAX_PARAMETER else ""

    return AuthorizationResponse(state=of("state"), code=of("code"), error=of("error")[:100], issuer=of("iss"))


def _is_other_host(request: PageRequest, settings: HttpSettings) -> bool:
    """Whether people reach this server by another name than this browser did; asked once, against loops."""
    public = urlsplit(settings.public_url).netloc.casefold()
    here = request.headers.get("host", "").casefold()
    return bool(public) and public != here and "moved" not in request.query_params


def _refused(
    request: PageRequest, templates: Templates, provider: OidcSignIn, error: StreamtimeError, following: str
) -> Response[str]:
    """Why somebody is not signed in, and the way back. The address holds a code, so nothing on the page repeats it."""
    problem, headers = problem_of(error)
    answer = templates.page(
        request,
        "pages/provider-refused.html",
        title="Not signed in",
        status=problem.status,
        message=problem.detail,
        provider=provider.name,
        following=following,
    )
    for name, value in headers.items():
        answer.set_header(name, value)
    answer.cookies.append(_expired_state_cookie(request))
    return answer


def _cookie_name(request: PageRequest) -> str:
    return "__Host-streamtime_attempt" if is_secure(request) else "streamtime_attempt"


def _expired_state_cookie(request: PageRequest) -> Cookie:
    return _cookie(request, "", 0)


def _cookie(request: PageRequest, value: str, max_age_s: int) -> Cookie:
    """Lax, not strict: it comes back by a link of another site."""
    return Cookie(
        key=_cookie_name(request),
        value=value,
        max_age=max_age_s,
        path="/",
        httponly=True,
        secure=is_secure(request),
        samesite="lax",
    )
