"""The second step of signing in: a code, from whoever has shown the password. Between the two there is no session.

Setup, signing in, signing out.
"""

from litestar import get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect, Response

from streamtime.auth.access import AuthMethod, Caller
from streamtime.auth.audit import Actor
from streamtime.auth.mfa import CHALLENGE_LIFETIME_S
from streamtime.auth.registration import RegistrationMode
from streamtime.auth.sign_in import VerifiedPassword
from streamtime.errors import (
    Conflict,
    Invalid,
    NotFound,
    SecondFactorRequired,
    TooManyRequests,
    Unauthenticated,
    WrongCode,
)
from streamtime.http.middleware.authentication import expired_session_cookie, new_cookie
from streamtime.http.problems import problem_of
from streamtime.http.requests import Form, PageRequest, client_info_of, is_secure, local_path, read_form
from streamtime.http.services import Services
from streamtime.http.templates import Templates

BASE_PATH = "/login/code"
COOKIE = "streamtime_half_way"


async def ask_for_code(request: PageRequest, services: Services, proved: VerifiedPassword, following: str) -> Redirect:
    """Lead somebody who has shown the password on to the code.

    Raises:
        Unauthenticated: the account was changed meanwhile.
    """
    cookie = _cookie(request, await services.mfa_challenges.issue(proved), CHALLENGE_LIFETIME_S)
    return Redirect(BASE_PATH, query_params={"next": following}, status_code=303, cookies=[cookie])


@get(BASE_PATH, include_in_schema=False)
async def code_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
    recovery: FromQuery[bool] = False,
) -> Response[str] | Redirect:
    """The form for the code, or for one of the recovery codes."""
    following = local_path(request.query_params.get("next", ""))
    if caller.signed_in:
        return Redirect(following, status_code=303)
    if await _verified_password(request, services) is None:
        return _back_to_login(request, following)
    return _form(request, templates, following, "", recovery=recovery, status=200)


@post(BASE_PATH, include_in_schema=False)
async def log_in_by_code(
    request: PageRequest, services: NamedDependency[Services], templates: NamedDependency[Templates]
) -> Response[str] | Redirect:
    """Sign in with it. Only now a session begins."""
    fields, visit = await read_form(request, "code", "next", "recovery"), client_info_of(request)
    following = local_path(fields["next"])
    proved = await _verified_password(request, services)
    if proved is None:
        return _back_to_login(request, following)
    try:
        session = await services.sign_in.start_session(
            await services.sign_in.verify_code(proved, fields["code"], visit), visit
        )
    except (SecondFactorRequired, WrongCode, TooManyRequests) as error:
        problem, headers = problem_of(error)
        recovery = bool(fields["recovery"])
        answer = _form(request, templates, following, error.message, recovery=recovery, status=problem.status)
        for name, value in headers.items():
            answer.set_header(name, value)
        return answer
    except Unauthenticated:
        return _back_to_login(request, following)
    cookies = [new_cookie(session, secure=is_secure(request)), _cookie(request, "", 0)]
    return Redirect(following, status_code=303, cookies=cookies)


async def _verified_password(request: PageRequest, services: Services) -> VerifiedPassword | None:
    return await services.mfa_challenges.verify(request.cookies.get(COOKIE, ""), client_info_of(request))


def _back_to_login(request: PageRequest, following: str) -> Redirect:
    """Back to the password: nobody is half way in, or no longer."""
    came = {"again": "true"} if request.cookies.get(COOKIE) else {}
    return Redirect("/login", query_params={**came, "next": following}, status_code=303)


def _form(
    request: PageRequest, templates: Templates, following: str, error: str, *, recovery: bool, status: int
) -> Response[str]:
    form = {"next": following, "recovery": recovery, "error": error}
    return templates.page(request, "pages/login-code.html", title="Sign in", status=status, form=form)


def _cookie(request: PageRequest, value: str, max_age_s: int) -> Cookie:
    return Cookie(
        key=COOKIE,
        value=value,
        max_age=max_age_s,
        path=BASE_PATH,
        httponly=True,
        secure=is_secure(request),
        samesite="lax",
    )


CODE_EXPIRED_MESSAGE = "The time for the code was over, or the account was changed meanwhile. Sign in again."


@get("/setup", include_in_schema=False)
async def setup_page(
    request: PageRequest,
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
    code: FromQuery[str] = "",
) -> Response[str]:
    """The form that makes the first admin; not there once it is done."""
    if not await services.setup.needed():
        raise NotFound
    return _setup(request, templates, {"code": code[:40], "name": "", "errors": {}}, status=200)


@post("/setup", include_in_schema=False)
async def set_up(
    request: PageRequest,
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Make the first admin and sign them in."""
    if not await services.setup.needed():
        raise NotFound
    fields, visit = await read_form(request, "code", "name", "password"), client_info_of(request)
    try:
        await services.setup.finish(fields["code"], fields["name"].strip(), fields["password"], visit)
    except Invalid as error:
        form = {"code": fields["code"], "name": fields["name"], "errors": {error.field or "": error.message}}
        return _setup(request, templates, form, status=400)
    except Conflict:
        raise NotFound from None
    session = await services.sign_in.sign_in_with_password(fields["name"].strip(), fields["password"], visit)
    return Redirect("/library", status_code=303, cookies=[new_cookie(session, secure=is_secure(request))])


@get("/login", include_in_schema=False)
async def login_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
    again: FromQuery[bool] = False,
) -> Response[str] | Redirect:
    """The form to sign in; `again` where somebody was half way in and it came to nothing."""
    following = local_path(request.query_params.get("next", ""))
    if caller.signed_in:
        return Redirect(following, status_code=303)
    if await services.setup.needed():
        return Redirect("/setup", status_code=303)
    errors = {"": CODE_EXPIRED_MESSAGE} if again else {}
    return _login(request, services, templates, {"name": "", "next": following, "errors": errors}, status=200)


@post("/login", include_in_schema=False)
async def log_in(
    request: PageRequest, services: NamedDependency[Services], templates: NamedDependency[Templates]
) -> Response[str] | Redirect:
    """Sign in with name and password; where there is a second factor it is asked for next. The session is a new one."""
    fields = await read_form(request, "name", "password", "next")
    following = local_path(fields["next"])
    try:
        proved = await services.sign_in.verify_password(
            fields["name"].strip(), fields["password"], client_info_of(request)
        )
        return await _complete_sign_in(request, services, proved, following)
    except (Unauthenticated, TooManyRequests) as error:
        form = {"name": fields["name"], "next": following, "errors": {"": error.message}}
        problem, headers = problem_of(error)
        answer = _login(request, services, templates, form, status=problem.status)
        for name, value in headers.items():
            answer.set_header(name, value)
        return answer


@post("/logout", include_in_schema=False)
async def log_out(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
) -> Redirect:
    """End the session, here and wherever its cookie may be."""
    if caller.auth_method is AuthMethod.COOKIE:
        await services.sign_in.sign_out(actor, caller.credential_id)
    return Redirect("/explore", status_code=303, cookies=[expired_session_cookie(secure=is_secure(request))])


async def _complete_sign_in(
    request: PageRequest, services: Services, proved: VerifiedPassword, following: str
) -> Redirect:
    try:
        session = await services.sign_in.start_session(proved, client_info_of(request))
    except SecondFactorRequired:
        return await ask_for_code(request, services, proved, following)
    return Redirect(following, status_code=303, cookies=[new_cookie(session, secure=is_secure(request))])


def _setup(request: PageRequest, templates: Templates, form: Form, *, status: int) -> Response[str]:
    return templates.page(request, "pages/setup.html", title="Set up", status=status, form=form)


def _login(request: PageRequest, services: Services, templates: Templates, form: Form, *, status: int) -> Response[str]:
    opened = services.registration.mode is RegistrationMode.OPEN
    provider = services.oidc_sign_in.name if services.oidc_sign_in else ""
    return templates.page(
        request, "pages/login.html", title="Sign in", status=status, form=form, open=opened, provider=provider
    )
