"""Setup of the first admin, signing in with password and second factor, and signing out.

Between password and code there is no session, only the cookie of the MFA challenge.
"""

from litestar import get, post
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
from streamtime.http.cookies import expired_cookie, make_cookie
from streamtime.http.middleware.authentication import expired_session_cookie, new_cookie
from streamtime.http.problems import problem_of
from streamtime.http.requests import Form, PageRequest, client_info_of, is_secure, local_path, read_form
from streamtime.http.services import AccountServices, AuthServices
from streamtime.http.templates import Templates
from streamtime.translation import gettext, gettext_noop

BASE_PATH = "/login/code"
COOKIE = "streamtime_half_way"


async def ask_for_code(
    request: PageRequest, auth: AuthServices, verified: VerifiedPassword, next_path: str
) -> Redirect:
    """Redirect to the code form, after the password was verified.

    Raises:
        Unauthenticated: the account has been changed in the meantime.
    """
    challenge = await auth.mfa_challenges.issue(verified)
    cookie = make_cookie(COOKIE, challenge, CHALLENGE_LIFETIME_S, secure=is_secure(request), path=BASE_PATH)
    return Redirect(BASE_PATH, query_params={"next": next_path}, status_code=303, cookies=[cookie])


@get(BASE_PATH, include_in_schema=False)
async def code_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    auth: NamedDependency[AuthServices],
    templates: NamedDependency[Templates],
    recovery: FromQuery[bool] = False,
) -> Response[str] | Redirect:
    """Show the form for a code or a recovery code."""
    next_path = local_path(request.query_params.get("next", ""))
    if caller.signed_in:
        return Redirect(next_path, status_code=303)
    if await _verified_password(request, auth) is None:
        return _back_to_login(request, next_path)
    return _form(request, templates, next_path, "", recovery=recovery, status=200)


@post(BASE_PATH, include_in_schema=False)
async def log_in_by_code(
    request: PageRequest, auth: NamedDependency[AuthServices], templates: NamedDependency[Templates]
) -> Response[str] | Redirect:
    """Verify the code and start the session."""
    fields, client = await read_form(request, "code", "next", "recovery"), client_info_of(request)
    next_path = local_path(fields["next"])
    verified = await _verified_password(request, auth)
    if verified is None:
        return _back_to_login(request, next_path)
    try:
        session = await auth.sign_in.start_session(
            await auth.sign_in.verify_code(verified, fields["code"], client), client
        )
    except (SecondFactorRequired, WrongCode, TooManyRequests) as error:
        problem, headers = problem_of(error)
        recovery = bool(fields["recovery"])
        answer = _form(request, templates, next_path, error.message, recovery=recovery, status=problem.status)
        for name, value in headers.items():
            answer.set_header(name, value)
        return answer
    except Unauthenticated:
        return _back_to_login(request, next_path)
    secure = is_secure(request)
    cookies = [new_cookie(session, secure=secure), expired_cookie(COOKIE, secure=secure, path=BASE_PATH)]
    return Redirect(next_path, status_code=303, cookies=cookies)


async def _verified_password(request: PageRequest, auth: AuthServices) -> VerifiedPassword | None:
    return await auth.mfa_challenges.verify(request.cookies.get(COOKIE, ""), client_info_of(request))


def _back_to_login(request: PageRequest, next_path: str) -> Redirect:
    """Redirect to the password form: there is no valid MFA challenge."""
    expired = {"again": "true"} if request.cookies.get(COOKIE) else {}
    return Redirect("/login", query_params={**expired, "next": next_path}, status_code=303)


def _form(
    request: PageRequest, templates: Templates, next_path: str, error: str, *, recovery: bool, status: int
) -> Response[str]:
    form = {"next": next_path, "recovery": recovery, "error": error}
    return templates.page(request, "pages/login-code.html", title=gettext("Sign in"), status=status, form=form)


CODE_EXPIRED_MESSAGE = gettext_noop("The time for the code has expired, or the account was changed. Sign in again.")


@get("/setup", include_in_schema=False)
async def setup_page(
    request: PageRequest,
    accounts: NamedDependency[AccountServices],
    templates: NamedDependency[Templates],
    code: FromQuery[str] = "",
) -> Response[str]:
    """Show the form that creates the first admin; 404 once there is one."""
    if not await accounts.setup.needed():
        raise NotFound
    return _setup(request, templates, {"code": code[:40], "name": "", "errors": {}}, status=200)


@post("/setup", include_in_schema=False)
async def set_up(
    request: PageRequest,
    accounts: NamedDependency[AccountServices],
    auth: NamedDependency[AuthServices],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Create the first admin and sign them in."""
    if not await accounts.setup.needed():
        raise NotFound
    fields, client = await read_form(request, "code", "name", "password"), client_info_of(request)
    try:
        await accounts.setup.finish(fields["code"], fields["name"].strip(), fields["password"], client)
    except Invalid as error:
        form = {"code": fields["code"], "name": fields["name"], "errors": {error.field or "": error.message}}
        return _setup(request, templates, form, status=400)
    except Conflict:
        raise NotFound from None
    session = await auth.sign_in.sign_in_with_password(fields["name"].strip(), fields["password"], client)
    return Redirect("/library", status_code=303, cookies=[new_cookie(session, secure=is_secure(request))])


@get("/login", include_in_schema=False)
async def login_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    auth: NamedDependency[AuthServices],
    templates: NamedDependency[Templates],
    again: FromQuery[bool] = False,
) -> Response[str] | Redirect:
    """Show the sign-in form; `again`: the MFA challenge has expired."""
    next_path = local_path(request.query_params.get("next", ""))
    if caller.signed_in:
        return Redirect(next_path, status_code=303)
    if await accounts.setup.needed():
        return Redirect("/setup", status_code=303)
    errors = {"": CODE_EXPIRED_MESSAGE} if again else {}
    return _login(request, accounts, auth, templates, {"name": "", "next": next_path, "errors": errors}, status=200)


@post("/login", include_in_schema=False)
async def log_in(
    request: PageRequest,
    accounts: NamedDependency[AccountServices],
    auth: NamedDependency[AuthServices],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Sign in with name and password, and continue to the code form if the account has a second factor."""
    fields = await read_form(request, "name", "password", "next")
    next_path = local_path(fields["next"])
    try:
        verified = await auth.passwords.verify(fields["name"].strip(), fields["password"], client_info_of(request))
        return await _complete_sign_in(request, auth, verified, next_path)
    except (Unauthenticated, TooManyRequests) as error:
        form = {"name": fields["name"], "next": next_path, "errors": {"": error.message}}
        problem, headers = problem_of(error)
        answer = _login(request, accounts, auth, templates, form, status=problem.status)
        for name, value in headers.items():
            answer.set_header(name, value)
        return answer


@post("/logout", include_in_schema=False)
async def log_out(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    auth: NamedDependency[AuthServices],
) -> Redirect:
    """End the session."""
    if caller.auth_method is AuthMethod.COOKIE:
        await auth.sign_in.sign_out(actor, caller.credential_id)
    return Redirect("/explore", status_code=303, cookies=[expired_session_cookie(secure=is_secure(request))])


async def _complete_sign_in(
    request: PageRequest, auth: AuthServices, verified: VerifiedPassword, next_path: str
) -> Redirect:
    try:
        session = await auth.sign_in.start_session(verified, client_info_of(request))
    except SecondFactorRequired:
        return await ask_for_code(request, auth, verified, next_path)
    return Redirect(next_path, status_code=303, cookies=[new_cookie(session, secure=is_secure(request))])


def _setup(request: PageRequest, templates: Templates, form: Form, *, status: int) -> Response[str]:
    return templates.page(request, "pages/setup.html", title=gettext("Set up"), status=status, form=form)


def _login(
    request: PageRequest,
    accounts: AccountServices,
    auth: AuthServices,
    templates: Templates,
    form: Form,
    *,
    status: int,
) -> Response[str]:
    opened = accounts.registration.mode is RegistrationMode.OPEN
    provider = auth.oidc.name if auth.oidc else ""
    return templates.page(
        request, "pages/login.html", title=gettext("Sign in"), status=status, form=form, open=opened, provider=provider
    )
