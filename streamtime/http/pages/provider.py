"""Signing in by a provider: there, and back. Where none is configured, there is nothing at these addresses."""

from urllib.parse import urlencode, urlsplit

from litestar import get
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.response import Redirect, Response

from streamtime.access.caller import Caller, Proof
from streamtime.accounts.attempts import Attempt
from streamtime.accounts.audit import Actor
from streamtime.accounts.provider_sign_in import ProviderSignIn, SentAway
from streamtime.errors import NotFound, StreamtimeError, Unauthenticated
from streamtime.http.callers import new_cookie
from streamtime.http.forms import local_path
from streamtime.http.own_address import returning
from streamtime.http.problems import problem_of
from streamtime.http.requests import PageRequest, is_secure, visit_of
from streamtime.http.services import HttpSettings, Services
from streamtime.http.templates import Templates
from streamtime.openid.terms import AuthorizationResponse, Identity

HERE = "/login/oidc"
CALLBACK = "/login/oidc/callback"
CONNECTION = "/settings/provider"

MAX_PARAMETER = 8_000
"""Of what a provider sends back: codes of some are long."""


@get(HERE, include_in_schema=False)
async def go_to_provider(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    settings: NamedDependency[HttpSettings],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Send a browser to the provider."""
    provider = required(services)
    following = local_path(request.query_params.get("next", ""))
    if caller.signed_in:
        return Redirect(following, status_code=303)
    if await services.setup.needed():
        return Redirect("/setup", status_code=303)
    if _elsewhere(request, settings):  # the provider leads back there, where a cookie of here would be missing
        return Redirect(f"{settings.public_url}{HERE}?" + urlencode({"next": following, "moved": 1}), status_code=303)
    try:
        sent = await provider.send(visit_of(request), returning(request, settings, CALLBACK), following)
    except StreamtimeError as error:
        return _refused(request, templates, provider, error, following)
    return Redirect(sent.address, status_code=303, cookies=[note_cookie(request, sent)])


@get(CALLBACK, include_in_schema=False)
async def back_from_provider(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Take somebody in who comes back, or connect their account. Whatever comes of it, the note is spent."""
    provider = required(services)
    following = "/library"
    try:
        response, note = _response(request), request.cookies.get(_cookie_name(request), "")
        attempt = await provider.taken_back(note, response.state, visit_of(request))
        following = attempt.following
        identity = await provider.identity(attempt, response, visit_of(request))
        if attempt.user_id is not None:
            await _connect(caller, actor, services, provider, attempt, identity)
            provider.passed(visit_of(request))
            return Redirect(CONNECTION, status_code=303, cookies=[_spent_note(request)])
        session = await provider.enter(identity, visit_of(request))
    except StreamtimeError as error:
        return _refused(request, templates, provider, error, following)
    cookies = [new_cookie(session, secure=is_secure(request)), _spent_note(request)]
    return Redirect(following, status_code=303, cookies=cookies)


def required(services: Services) -> ProviderSignIn:
    """Signing in by a provider, where there is one.

    Raises:
        NotFound: there is none.
    """
    if services.provider_sign_in is None:
        raise NotFound
    return services.provider_sign_in


def note_cookie(request: PageRequest, sent: SentAway) -> Cookie:
    """The cookie that a browser is to come back with."""
    return _cookie(request, sent.note, sent.lasts_s)


async def _connect(
    caller: Caller,
    actor: Actor,
    services: Services,
    provider: ProviderSignIn,
    attempt: Attempt,
    identity: Identity,
) -> None:
    if caller.user_id != attempt.user_id or caller.proof is not Proof.COOKIE:
        raise Unauthenticated(
            "You were signed out meanwhile. Sign in and connect your account again.", code="provider_state"
        )
    await provider.identities.connect(await services.users.by_name(caller.name), identity, actor)


def _response(request: PageRequest) -> AuthorizationResponse:
    def of(name: str) -> str:
        value: str = request.query_params.get(name, "")
        return value if len(value) <= MAX_PARAMETER else ""

    return AuthorizationResponse(state=of("state"), code=of("code"), error=of("error")[:100], issuer=of("iss"))


def _elsewhere(request: PageRequest, settings: HttpSettings) -> bool:
    """Whether people reach this server by another name than this browser did; asked once, against loops."""
    public = urlsplit(settings.public_url).netloc.casefold()
    here = request.headers.get("host", "").casefold()
    return bool(public) and public != here and "moved" not in request.query_params


def _refused(
    request: PageRequest, templates: Templates, provider: ProviderSignIn, error: StreamtimeError, following: str
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
    answer.cookies.append(_spent_note(request))
    return answer


def _cookie_name(request: PageRequest) -> str:
    return "__Host-streamtime_attempt" if is_secure(request) else "streamtime_attempt"


def _spent_note(request: PageRequest) -> Cookie:
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
