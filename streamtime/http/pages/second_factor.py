"""One's own second factor: turned on with an app, looked after, turned off. One address; a form says what it wants."""

from dataclasses import dataclass

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response

from streamtime.auth.access import AuthMethod, Caller
from streamtime.auth.audit import Actor
from streamtime.auth.mfa import TotpEnrollment
from streamtime.auth.sign_in import NewSession
from streamtime.auth.users import User
from streamtime.errors import Conflict, Invalid, Unauthenticated, WrongCode
from streamtime.formatting import age_text, time_iso
from streamtime.http.middleware.authentication import rotated_session_cookie
from streamtime.http.public_urls import qr_svg
from streamtime.http.requests import PageRequest, client_info_of, read_form, require_account_management
from streamtime.http.services import Services
from streamtime.http.templates import Templates

BASE_PATH = "/settings/second-factor"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorView:
    """What the page shows."""

    on: bool
    since_text: str = ""
    since_iso: str = ""
    left: int = 0
    """Recovery codes that are still good."""
    awaiting_code: bool = False
    """Whether a key was offered and its first code is asked for."""
    key: str = ""
    """That key, in groups; shown once."""
    qr: str = ""
    codes: tuple[str, ...] = ()
    """Recovery codes; shown once."""
    done: str = ""
    """What was done just now: `on`, `codes` or `off`."""


@dataclass(frozen=True, slots=True)
class SecondFactorForm:
    """A form of that page: who sends it, from where, and what is in it."""

    request: PageRequest
    user: User
    actor: Actor
    kept_session: int | None
    fields: dict[str, str]


@get(BASE_PATH, include_in_schema=False)
async def second_factor_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Whether it is on, and how many recovery codes are left."""
    require_account_management(caller)
    return _page(request, templates, await _state(caller, services))


@post(BASE_PATH, include_in_schema=False)
async def change_second_factor(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    services: NamedDependency[Services],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Offer a key (`offer`), take its first code (`on`), make other recovery codes (`codes`), turn it off (`off`)."""
    require_account_management(caller)
    fields = await read_form(request, "deed", "password", "code")
    kept = caller.credential_id if caller.auth_method is AuthMethod.COOKIE else None
    asked = SecondFactorForm(request, await services.users.by_name(caller.name), actor, kept, fields)
    try:
        view, session = await _apply(asked, services)
    except WrongCode as error:
        view, errors = await _state(caller, services, asks=fields["deed"] == "on"), {"code": error.message}
        return _page(request, templates, view, errors, status=400)
    except Unauthenticated:
        errors = {"password": "That is not your password."}
        return _page(request, templates, await _state(caller, services), errors, status=400)
    except Conflict as error:  # another tab was first
        return _page(request, templates, await _state(caller, services), {"": error.message}, status=409)
    cookies = [] if session is None else [rotated_session_cookie(request.scope, session)]  # type: ignore[arg-type]  # a scope is a dict
    answer = _page(request, templates, view)
    answer.cookies.extend(cookies)
    return answer


async def _apply(asked: SecondFactorForm, services: Services) -> tuple[FactorView, NewSession | None]:
    match asked.fields["deed"]:
        case "offer":
            return await _offer(asked, services), None
        case "on":
            return await _turn_on(asked, services)
        case "codes":
            return await _renew_codes(asked, services), None
        case "off":
            return await _turn_off(asked, services)
        case _:
            raise Invalid("Say what is to be done.", field="deed")


async def _offer(asked: SecondFactorForm, services: Services) -> FactorView:
    proved = await services.sign_in.verify_password(
        asked.user.name, asked.fields["password"], client_info_of(asked.request)
    )
    services.sign_in.refund(proved)
    return _enrollment_view(await services.second_factor.begin_enrollment(asked.user))


async def _turn_on(asked: SecondFactorForm, services: Services) -> tuple[FactorView, NewSession | None]:
    visit, code = client_info_of(asked.request), asked.fields["code"]
    done = await services.second_factor.enable(asked.user, code, visit, asked.actor, kept_session=asked.kept_session)
    return FactorView(on=True, codes=tuple(done.recovery_codes), done="on"), done.session


async def _renew_codes(asked: SecondFactorForm, services: Services) -> FactorView:
    await _verify_password_and_code(asked, services)
    made = await services.database.write(
        lambda tx: services.second_factor.regenerate_recovery_codes(tx, asked.user, asked.actor)
    )
    return FactorView(on=True, codes=tuple(made), done="codes")


async def _turn_off(asked: SecondFactorForm, services: Services) -> tuple[FactorView, NewSession | None]:
    await _verify_password_and_code(asked, services)
    session = await services.database.write(
        lambda tx: services.second_factor.disable(tx, asked.user, asked.actor, kept_session=asked.kept_session)
    )
    return FactorView(on=False, done="off"), session


async def _verify_password_and_code(asked: SecondFactorForm, services: Services) -> None:
    """The password first: else codes could be used up without it."""
    visit = client_info_of(asked.request)
    proved = await services.sign_in.verify_password(asked.user.name, asked.fields["password"], visit)
    services.sign_in.refund(await services.sign_in.verify_code(proved, asked.fields["code"], visit))


def _enrollment_view(offer: TotpEnrollment) -> FactorView:
    groups = [offer.secret[at : at + 4] for at in range(0, len(offer.secret), 4)]
    return FactorView(on=False, awaiting_code=True, key=" ".join(groups), qr=qr_svg(offer.provisioning_uri))


async def _state(caller: Caller, services: Services, *, asks: bool = False) -> FactorView:
    """How it stands. The key is not shown again: whoever got hold of a signed-in browser could take it along."""
    user, now = await services.users.by_name(caller.name), services.clock.now_ms()
    since = user.factor_since_ms
    if since is None:
        return FactorView(on=False, awaiting_code=asks)
    left = await services.second_factor.recovery_codes_left(user)
    return FactorView(on=True, since_text=age_text(since, now), since_iso=time_iso(since), left=left)


def _page(
    request: PageRequest,
    templates: Templates,
    view: FactorView,
    errors: dict[str, str] | None = None,
    *,
    status: int = 200,
) -> Response[str]:
    return templates.page(
        request,
        "pages/second-factor.html",
        confidential=True,
        title="Second factor",
        nav="settings",
        status=status,
        factor=view,
        errors=errors or {},
    )
