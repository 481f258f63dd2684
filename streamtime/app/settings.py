"""Composition of the settings that administrators change on pages, and putting a change in force."""

from collections.abc import Mapping

from streamtime.app.core import Infrastructure
from streamtime.app.jobs import admission_rules
from streamtime.app.maintenance import backup_intervals
from streamtime.app.videos import upload_limits
from streamtime.auth.registration import RegistrationMode
from streamtime.config.keys import KEYS
from streamtime.config.sections import Config
from streamtime.config.stored import EDITABLE, LoadedConfig, choices, place_of, written
from streamtime.http.services import Services
from streamtime.maintenance.server_settings import ServerSettings, Setting


def build_server_settings(loaded: LoadedConfig, base: Infrastructure) -> ServerSettings:
    """Build the service; `on_change` is set once all others are built."""
    settings = [_setting(loaded, name, immediate=immediate) for name, immediate in EDITABLE.items()]

    def check(stored: Mapping[str, str]) -> dict[str, str]:
        changed = loaded.with_stored(stored)
        return {key: changed.text(key) for key in stored}

    return ServerSettings(base.database, base.audit, base.clock, settings, check, loaded.stored)


def apply_settings(services: Services, config: Config) -> None:
    """Put the settings that need no restart in force."""
    mode = RegistrationMode(config.accounts.registration)
    services.accounts.registration.mode = mode
    services.accounts.invites.mode = mode
    services.storage.usage.default_quota_bytes = int(config.accounts.quota)
    services.uploads.space.limits = upload_limits(config)
    services.videos.trash.retention.days = config.storage.bin_days
    services.jobs.admission.rules = admission_rules(config)
    services.maintenance.alerts.minimum_free_bytes = int(config.transcode.minimum_free_space)
    services.maintenance.database_backups.intervals = backup_intervals(config)
    services.maintenance.database_backups.keep(config.backup.keep)


def _setting(loaded: LoadedConfig, name: str, *, immediate: bool) -> Setting:
    key = KEYS[name]
    return Setting(
        key=name,
        accepts=key.accepts,
        choices=choices(key),
        default=written(key.default),
        configured=loaded.text(name, loaded.configured),
        place=place_of(loaded, name) if name in loaded.places else "",
        immediate=immediate,
    )
