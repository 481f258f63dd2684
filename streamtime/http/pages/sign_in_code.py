"""The second step of signing in: a code, from whoever has shown the password. Between the two there is no session."""

from litestar import get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect, Response

from streamtime.access.caller import Caller
from streamtime.accounts.half_way import CHALLENGE_LIFETIME_S
from streamtime.accounts.sign_in import VerifiedPassword
from streamtime.errors import SecondFactorRequired, TooManyRequests, Unauthenticated, WrongCode
from streamtime.http.callers import new_cookie
from streamtime.http.forms import local_path, read_form
from streamtime.http.problems import problem_of
from streamtime.http.requests import PageRequest, client_info_of, is_secure
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
