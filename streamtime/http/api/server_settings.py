"""/api/v1/admin/settings: settings of the server that administrators change without the configuration file."""

from enum import StrEnum
from typing import Annotated

import msgspec
from litestar import get, patch
from litestar.di import NamedDependency
from litestar.params import JSONBody

from streamtime.auth.access import Caller
from streamtime.auth.audit import Actor
from streamtime.errors import Forbidden
from streamtime.http.problems import problems
from streamtime.http.requests import require_signed_in
from streamtime.maintenance.server_settings import ServerSettings, SettingValue, Source

BASE_PATH = "/api/v1/admin/settings"

Value = Annotated[str, msgspec.Meta(max_length=200)]


class TakesEffect(StrEnum):
    """When a change takes effect."""

    AT_ONCE = "at_once"
    AFTER_RESTART = "after_restart"


class SettingBody(msgspec.Struct):
    """A key of the configuration, described in docs/configuration.md; `accepts` completes "it takes ...".

    Values are text, as in an environment variable. `running` is in force; it differs from `value` until a restart.
    `place` is the file or the environment variable that sets the key, which then cannot be changed here.
    """

    key: str
    value: str
    running: str
    default: str
    source: Source
    place: str | None
    takes_effect: TakesEffect
    accepts: str


class SettingList(msgspec.Struct):
    """All settings that can be changed without the configuration file."""

    items: list[SettingBody]


class SettingsPatch(msgspec.Struct, forbid_unknown_fields=True):
    """New values by key; null goes back to the default. Other settings stay unchanged."""

    settings: dict[str, Value | None]


@get(BASE_PATH, responses=problems(401, 403), tags=["admin"], summary="Get the settings of the server")
async def get_settings(
    caller: NamedDependency[Caller], server_settings: NamedDependency[ServerSettings]
) -> SettingList:
    """With their sources."""
    _require_admin(caller)
    return _body(server_settings)


@patch(BASE_PATH, responses=problems(401, 403, 409), tags=["admin"], summary="Change settings of the server")
async def patch_settings(
    data: JSONBody[SettingsPatch],
    caller: NamedDependency[Caller],
    actor: NamedDependency[Actor],
    server_settings: NamedDependency[ServerSettings],
) -> SettingList:
    """Change all or none. A key that the configuration sets is a conflict (`set_by_configuration`)."""
    _require_admin(caller)
    await server_settings.change(data.settings, actor)
    return _body(server_settings)


def _require_admin(caller: Caller) -> None:
    if not require_signed_in(caller).is_admin:
        raise Forbidden("Only administrators may see and change the settings of the server.")


def _body(settings: ServerSettings) -> SettingList:
    return SettingList([_item(value) for value in settings.all()])


def _item(value: SettingValue) -> SettingBody:
    setting = value.setting
    return SettingBody(
        key=setting.key,
        value=value.value,
        running=value.running,
        default=setting.default,
        source=value.source,
        place=setting.place or None,
        takes_effect=TakesEffect.AT_ONCE if setting.immediate else TakesEffect.AFTER_RESTART,
        accepts=setting.accepts,
    )
