"""The admin page of the server's settings."""

from collections.abc import Mapping

from litestar import get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from litestar.response import Redirect, Response

from streamtime.auth.access import Caller
from streamtime.auth.audit import Actor
from streamtime.errors import Conflict, Invalid
from streamtime.http.requests import PageRequest, read_form, require_admin
from streamtime.http.templates import Templates
from streamtime.maintenance.server_settings import ServerSettings, Source
from streamtime.translation import gettext

PATH = "/admin/settings"


@get(PATH, include_in_schema=False)
async def server_settings_page(
    request: PageRequest,
    caller: NamedDependency[Caller],
    server_settings: NamedDependency[ServerSettings],
    templates: NamedDependency[Templates],
    done: FromQuery[bool] = False,
) -> Response[str]:
    """Show all settings that can be changed; `done`: some have just been changed."""
    require_admin(caller)
    return _page(request, templates, server_settings, {}, {}, status=200, done=done)


@post(PATH, include_in_schema=False)
async def change_server_settings(
    request: PageRequest,
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    server_settings: NamedDependency[ServerSettings],
    templates: NamedDependency[Templates],
) -> Response[str] | Redirect:
    """Change the settings in the form; an empty field goes back to the default."""
    require_admin(caller)
    sent = await request.form()
    names = [value.setting.key for value in server_settings.all() if value.setting.key in sent]
    fields = await read_form(request, *names)
    try:
        await server_settings.change({name: text.strip() or None for name, text in fields.items()}, actor)
    except (Invalid, Conflict) as error:
        field = error.field if isinstance(error, Invalid) and error.field else ""
        status = 400 if isinstance(error, Invalid) else 409
        return _page(request, templates, server_settings, fields, {field: error.message}, status=status)
    return Redirect(PATH, query_params={"done": "true"}, status_code=303)


def _page(
    request: PageRequest,
    templates: Templates,
    settings: ServerSettings,
    fields: Mapping[str, str],
    errors: Mapping[str, str],
    *,
    status: int,
    done: bool = False,
) -> Response[str]:
    values = {value.setting.key: value for value in settings.all()}
    typed = {key: value.value if value.source is Source.DATABASE else "" for key, value in values.items()}
    return templates.page(
        request,
        "pages/server-settings.html",
        title=gettext("Settings"),
        nav="admin",
        status=status,
        settings=values,
        form={**typed, **fields},
        errors=errors,
        done=done,
    )
