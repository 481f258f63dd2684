"""The settings page of the second factor: enable it with an app, renew recovery codes, disable it.

All forms are sent to one URL; the field `deed` selects the action.
"""

from dataclasses import dataclass

from litestar import get, post
from litestar.di import NamedDependency
from litestar.response import Response

from streamtime.auth.access import AuthMethod, Caller
from streamtime.auth.audit import Actor
from streamtime.auth.mfa import TotpEnrollment
from streamtime.auth.sign_in import NewSession
from streamtime.auth.users import User
from streamtime.clock import Clock
from streamtime.database.transaction import Database
from streamtime.errors import Conflict, Invalid, Unauthenticated, WrongCode
from streamtime.formatting import age_text, time_iso
from streamtime.http.middleware.authentication import rotated_session_cookie
from streamtime.http.public_urls import qr_svg
from streamtime.http.requests import PageRequest, client_info_of, read_form, require_account_management
from streamtime.http.services import AccountServices, AuthServices
from streamtime.http.templates import Templates
from streamtime.translation import gettext

BASE_PATH = "/settings/second-factor"


@dataclass(frozen=True, slots=True, kw_only=True)
class FactorView:
    """Values of the page."""

    on: bool
    since_text: str = ""
    since_iso: str = ""
    left: int = 0
    """Number of unused recovery codes."""
    awaiting_code: bool = False
    """Whether enrollment has begun and the first code is required."""
    key: str = ""
    """The TOTP secret in groups of four characters; shown once."""
    qr: str = ""
    codes: tuple[str, ...] = ()
    """Recovery codes; shown once."""
    done: str = ""
    """The action just performed: `on`, `codes` or `off`."""


@dataclass(frozen=True, slots=True)
class SecondFactorForm:
    """A submitted form of the page, with its sender."""

    request: PageRequest
    user: User
    actor: Actor
    kept_session: int | None
    fields: dict[str, str]


@get(BASE_PATH, include_in_schema=False)
async def second_factor_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    auth: NamedDependency[AuthServices],
    clock: NamedDependency[Clock],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Show the page."""
    require_account_management(caller)
    return _page(request, templates, await _state(caller, accounts, auth, clock))


@post(BASE_PATH, include_in_schema=False)
async def change_second_factor(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    accounts: NamedDependency[AccountServices],
    auth: NamedDependency[AuthServices],
    clock: NamedDependency[Clock],
    database: NamedDependency[Database],
    templates: NamedDependency[Templates],
) -> Response[str]:
    """Begin enrollment (`offer`), confirm it (`on`), renew recovery codes (`codes`), or disable the factor (`off`)."""
    require_account_management(caller)
    fields = await read_form(request, "deed", "password", "code")
    current_session = caller.credential_id if caller.auth_method is AuthMethod.COOKIE else None
    form = SecondFactorForm(request, await accounts.users.by_name(caller.name), actor, current_session, fields)
    try:
        view, session = await _apply(form, auth, database)
    except WrongCode as error:
        view, errors = (
            await _state(caller, accounts, auth, clock, awaiting_code=fields["deed"] == "on"),
            {"code": error.message},
        )
        return _page(request, templates, view, errors, status=400)
    except Unauthenticated:
        errors = {"password": gettext("That is not your password.")}
        return _page(request, templates, await _state(caller, accounts, auth, clock), errors, status=400)
    except Conflict as error:  # done by another tab
        return _page(request, templates, await _state(caller, accounts, auth, clock), {"": error.message}, status=409)
    cookies = [] if session is None else [rotated_session_cookie(request.scope, session)]  # type: ignore[arg-type]  # a scope is a dict
    answer = _page(request, templates, view)
    answer.cookies.extend(cookies)
    return answer


async def _apply(
    form: SecondFactorForm, auth: AuthServices, database: Database
) -> tuple[FactorView, NewSession | None]:
    match form.fields["deed"]:
        case "offer":
            return await _offer(form, auth), None
        case "on":
            return await _turn_on(form, auth)
        case "codes":
            return await _renew_codes(form, auth, database), None
        case "off":
            return await _turn_off(form, auth, database)
        case _:
            raise Invalid("Choose an action.", field="deed")


async def _offer(form: SecondFactorForm, auth: AuthServices) -> FactorView:
    verified = await auth.passwords.verify(form.user.name, form.fields["password"], client_info_of(form.request))
    auth.passwords.refund(verified)
    return _enrollment_view(await auth.second_factor.begin_enrollment(form.user))


async def _turn_on(form: SecondFactorForm, auth: AuthServices) -> tuple[FactorView, NewSession | None]:
    client, code = client_info_of(form.request), form.fields["code"]
    done = await auth.second_factor.enable(form.user, code, client, form.actor, kept_session=form.kept_session)
    return FactorView(on=True, codes=tuple(done.recovery_codes), done="on"), done.session


async def _renew_codes(form: SecondFactorForm, auth: AuthServices, database: Database) -> FactorView:
    await _verify_password_and_code(form, auth)
    created = await database.write(lambda tx: auth.second_factor.regenerate_recovery_codes(tx, form.user, form.actor))
    return FactorView(on=True, codes=tuple(created), done="codes")


async def _turn_off(
    form: SecondFactorForm, auth: AuthServices, database: Database
) -> tuple[FactorView, NewSession | None]:
    await _verify_password_and_code(form, auth)
    session = await database.write(
        lambda tx: auth.second_factor.disable(tx, form.user, form.actor, kept_session=form.kept_session)
    )
    return FactorView(on=False, done="off"), session


async def _verify_password_and_code(form: SecondFactorForm, auth: AuthServices) -> None:
    """Verify the password first, so that codes cannot be used up without it."""
    client = client_info_of(form.request)
    verified = await auth.passwords.verify(form.user.name, form.fields["password"], client)
    auth.passwords.refund(await auth.sign_in.verify_code(verified, form.fields["code"], client))


def _enrollment_view(offer: TotpEnrollment) -> FactorView:
    groups = [offer.secret[at : at + 4] for at in range(0, len(offer.secret), 4)]
    return FactorView(on=False, awaiting_code=True, key=" ".join(groups), qr=qr_svg(offer.provisioning_uri))


async def _state(
    caller: Caller, accounts: AccountServices, auth: AuthServices, clock: Clock, *, awaiting_code: bool = False
) -> FactorView:
    """Return the current state, without the key: a stolen session must not reveal it."""
    user, now = await accounts.users.by_name(caller.name), clock.now_ms()
    since = user.factor_since_ms
    if since is None:
        return FactorView(on=False, awaiting_code=awaiting_code)
    left = await auth.second_factor.recovery_codes_left(user)
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
        title=gettext("Second factor"),
        nav="settings",
        status=status,
        factor=view,
        errors=errors or {},
    )
