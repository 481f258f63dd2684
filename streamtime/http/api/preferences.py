"""/api/v1/me/preferences: appearance, playback and languages of the caller's account."""

from typing import Annotated

import msgspec
from litestar import get, patch
from litestar.di import NamedDependency
from litestar.params import JSONBody

from streamtime.auth.access import Caller
from streamtime.auth.preferences import Autoplay, Density, Preferences, Theme
from streamtime.http.problems import problems
from streamtime.http.requests import account_id, require_signed_in
from streamtime.http.services import AccountServices

BASE_PATH = "/api/v1/me/preferences"

LanguageText = Annotated[str, msgspec.Meta(max_length=35)]


class PreferencesBody(msgspec.Struct):
    """The preferences of an account.

    `captions_language` and `audio_language` are BCP 47 tags of the tracks that a player starts with; `auto` means those
    last chosen in the same browser, and `off` no captions. `autoplay` is `auto` for on, unless the device asks for less
    motion. `theme` is `auto` for that of the device, `page_language` for that of the browser; else it is a BCP 47 tag.
    """

    theme: Theme
    density: Density
    autoplay: Autoplay
    captions_language: str
    audio_language: str
    page_language: str


class PreferencesPatch(msgspec.Struct, forbid_unknown_fields=True):
    """Changes; omitted fields stay unchanged."""

    theme: Theme | None = None
    density: Density | None = None
    autoplay: Autoplay | None = None
    captions_language: LanguageText | None = None
    audio_language: LanguageText | None = None
    page_language: LanguageText | None = None


@get(BASE_PATH, responses=problems(401), tags=["account"], summary="Get your preferences")
async def get_preferences(caller: NamedDependency[Caller]) -> PreferencesBody:
    """They hold on all devices of the account."""
    return _body(require_signed_in(caller).preferences)


@patch(BASE_PATH, responses=problems(401, 403), tags=["account"], summary="Change your preferences")
async def patch_preferences(
    data: JSONBody[PreferencesPatch], caller: NamedDependency[Caller], accounts: NamedDependency[AccountServices]
) -> PreferencesBody:
    """The next page that is loaded has them."""
    return _body(await accounts.preferences.change(account_id(caller), **msgspec.structs.asdict(data)))


def _body(preferences: Preferences) -> PreferencesBody:
    return PreferencesBody(**{field: getattr(preferences, field) for field in PreferencesBody.__struct_fields__})
