"""Setup, signing in, signing out."""

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect, Response

from streamtime.access.caller import AuthMethod, Caller
from streamtime.accounts.audit import Actor
from streamtime.accounts.invites import RegistrationMode
from streamtime.accounts.sign_in import VerifiedPassword
from streamtime.errors import Conflict, Invalid, NotFound, SecondFactorRequired, TooManyRequests, Unauthenticated
from streamtime.http.callers import expired_session_cookie, new_cookie
from streamtime.http.forms import Form, local_path, read_form
from streamtime.http.pages.sign_in_code import ask_for_code
from streamtime.http.problems import problem_of
from streamtime.http.requests import PageRequest, client_info_of, is_secure
from streamtime.http.services import Services
from streamtime.http.templates import Templates

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
