"""Making oneself an account: with an invitation, or by asking to be let in."""

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.response import Redirect, Response

from streamtime.accounts.invites import RegistrationMode
from streamtime.accounts.registration import Applicant
from streamtime.errors import Conflict, Invalid, NotFound
from streamtime.http.callers import new_cookie
from streamtime.http.forms import Form, read_form
from streamtime.http.requests import PageRequest, client_info_of, is_secure
from streamtime.http.services import Services
from streamtime.http.templates import Templates

BLANK: Form = {"name": "", "display_name": "", "errors": {}}


@get("/join/{token:str}", include_in_schema=False)
async def join_page(
    request: PageRequest,
    token: FromPath[str],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """The form of somebody who was invited."""
    await services.registration.require_invite(token)
    return _form(request, templates, BLANK, status=200, action=f"/join/{token}")


@post("/join/{token:str}", include_in_schema=False)
async def join(
    request: PageRequest,
    token: FromPath[str],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Make the account, and sign in to it."""
    fields = await read_form(request, "name", "display_name", "password")
    applicant = Applicant(fields["name"].strip(), fields["display_name"], fields["password"])
    try:
        made = await services.registration.register_with_invite(token, applicant, client_info_of(request))
    except (Invalid, Conflict) as error:
        return _again(request, templates, fields, error, action=f"/join/{token}")
    session = await services.sign_in.sign_in_with_password(made.name, applicant.password, client_info_of(request))
    return Redirect("/library", status_code=303, cookies=[new_cookie(session, secure=is_secure(request))])


@get("/register", include_in_schema=False)
async def register_page(
    request: PageRequest, services: NamedDependency[Services], templates: NamedDependency[Templates]
) -> Response[str]:
    """The form of somebody who asks to be let in."""
    if services.registration.mode is not RegistrationMode.OPEN:
        raise NotFound
    return _form(request, templates, BLANK, status=200, action="/register")


@post("/register", include_in_schema=False)
async def register(
    request: PageRequest, services: NamedDependency[Services], templates: NamedDependency[Templates]
) -> Response[str]:
    """Make the account, which waits."""
    fields = await read_form(request, "name", "display_name", "password")
    applicant = Applicant(fields["name"].strip(), fields["display_name"], fields["password"])
    try:
        made = await services.registration.register(applicant, client_info_of(request))
    except (Invalid, Conflict) as error:
        return _again(request, templates, fields, error, action="/register")
    return templates.page(request, "pages/registered.html", title="Thank you", name=made.name)


def _again(
    request: PageRequest, templates: Templates, fields: dict[str, str], error: Invalid | Conflict, *, action: str
) -> Response[str]:
    taken = isinstance(error, Conflict)
    where = "name" if isinstance(error, Conflict) else error.field or ""
    form: Form = {"name": fields["name"], "display_name": fields["display_name"], "errors": {where: error.message}}
    return _form(request, templates, form, status=409 if taken else 400, action=action)


def _form(request: PageRequest, templates: Templates, form: Form, *, status: int, action: str) -> Response[str]:
    return templates.page(
        request, "pages/join.html", confidential=True, title="Your account", status=status, form=form, action=action
    )
