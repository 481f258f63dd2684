"""The settings page: its sections, and the section of appearance, playback and languages."""

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect, Response

from streamtime.auth.access import Caller
from streamtime.auth.preferences import AUTO, OFF, Autoplay, Density, Theme
from streamtime.errors import Invalid
from streamtime.http.requests import Form, PageRequest, account_id, read_form, require_signed_in
from streamtime.http.services import AccountServices
from streamtime.http.templates import Templates
from streamtime.languages import language_choices
from streamtime.translation import gettext

SETTINGS = "/settings"
APPEARANCE = "/settings/appearance"

_FIELDS = ("theme", "density", "autoplay", "captions_language", "audio_language", "page_language")


@get(SETTINGS, include_in_schema=False)
async def settings_page(
    request: PageRequest, caller: NamedDependency[Caller], templates: NamedDependency[Templates]
) -> Response[str]:
    """List the sections of the settings."""
    require_signed_in(caller)
    return templates.page(request, "pages/settings.html", title=gettext("Settings"), nav="settings")


@get(APPEARANCE, include_in_schema=False)
async def appearance_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    templates: NamedDependency[Templates],
    done: FromQuery[bool] = False,
) -> Response[str]:
    """Show the preferences of the caller; `done`: they have just been changed."""
    preferences = require_signed_in(caller).preferences
    form = {name: getattr(preferences, name) for name in _FIELDS}
    return _appearance(request, templates, {**form, "errors": {}}, status=200, done=done)


@post(APPEARANCE, include_in_schema=False)
async def set_appearance(
    request: PageRequest,
    caller: NamedDependency[Caller],
    accounts: NamedDependency[AccountServices],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Change the preferences of the caller."""
    user_id = account_id(caller)
    fields = await read_form(request, *_FIELDS)
    try:
        await accounts.preferences.change(user_id, **{name: value or None for name, value in fields.items()})
    except Invalid as error:
        return _appearance(request, templates, {**fields, "errors": {error.field or "": error.message}}, status=400)
    return Redirect(APPEARANCE, query_params={"done": "true"}, status_code=303)


def _appearance(
    request: PageRequest, templates: Templates, form: Form, *, status: int, done: bool = False
) -> Response[str]:
    return templates.page(
        request,
        "pages/appearance.html",
        title=gettext("Appearance and playback"),
        nav="settings",
        status=status,
        form=form,
        done=done,
        themes=list(Theme),
        densities=list(Density),
        autoplays=list(Autoplay),
        languages=language_choices(),
        auto=AUTO,
        off=OFF,
    )
