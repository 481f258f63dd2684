"""The OpenID provider of the configuration, if there is one: the part of the composition root that needs an extra."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

from streamtime.access.caller import Role
from streamtime.accounts.administration import Administration
from streamtime.accounts.attempts import Attempts
from streamtime.accounts.audit import Audit
from streamtime.accounts.failures import Failures
from streamtime.accounts.identities import Identities
from streamtime.accounts.limits import Limits
from streamtime.accounts.provider_sign_in import ProviderSignIn
from streamtime.accounts.sign_in import SignIn
from streamtime.accounts.users import Users
from streamtime.accounts.vouched import VouchedAccounts, VouchingTerms
from streamtime.clock import Clock
from streamtime.config.oidc import Oidc
from streamtime.config.sections import Config
from streamtime.errors import ConfigError
from streamtime.openid.terms import Provider, ProviderSettings
from streamtime.rooms import Foundation

BROUGHT_BY_THE_EXTRA = frozenset({"authlib", "httpx2", "joserfc"})


@dataclass(frozen=True, slots=True)
class ProviderRooms:
    """What signing in by a provider stands on."""

    users: Users
    sign_in: SignIn
    administration: Administration
    limits: Limits
    failures: Failures


def provider_sign_in_on(config: Config, base: Foundation, audit: Audit, on: ProviderRooms) -> ProviderSignIn | None:
    """Signing in by the provider of the configuration; None where there is none. Nothing is asked of it yet.

    Raises:
        ConfigError: it is configured by halves, or the extra is not installed.
    """
    chosen = config.accounts.oidc
    provider = provider_of(chosen, base.clock)
    if provider is None:
        return None
    terms = VouchingTerms(
        name=chosen.name,
        create_accounts=chosen.create_accounts,
        role=Role(chosen.role),
        admin_group=chosen.admin_group,
    )
    identities = Identities(base.database, audit, base.clock, issuer=chosen.issuer, name=chosen.name)
    return ProviderSignIn(
        provider,
        identities,
        VouchedAccounts(base.database, identities, on.users, on.administration, terms=terms),
        Attempts(base.clock),
        on.sign_in,
        on.limits,
        on.failures,
        name=chosen.name,
    )


def provider_of(chosen: Oidc, clock: Clock) -> Provider | None:
    """The provider itself; None where there is none.

    Raises:
        ConfigError: it is configured by halves, or the extra is not installed.
    """
    if not chosen.issuer and not chosen.client_id:
        return None
    if not chosen.issuer or not chosen.client_id:
        raise ConfigError("accounts.oidc needs both issuer and client_id.")
    settings = ProviderSettings(
        issuer=chosen.issuer,
        client_id=chosen.client_id,
        client_secret=_secret(chosen),
        scopes=chosen.scopes,
        groups_claim=chosen.groups_claim if chosen.admin_group else "",
        timeout_s=int(chosen.timeout),
    )
    try:
        room = importlib.import_module("streamtime.openid.provider")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in BROUGHT_BY_THE_EXTRA:
            raise
        command = f'{sys.executable} -m pip install "streamtime[oidc]"'
        raise ConfigError(f"accounts.oidc needs what is not installed ({error.name}). Run: {command}") from error
    provider: Provider = room.OpenIdProvider(settings, clock)
    return provider


def _secret(chosen: Oidc) -> str:
    if chosen.client_secret and chosen.client_secret_file:
        raise ConfigError("accounts.oidc takes client_secret or client_secret_file, not both.")
    if not chosen.client_secret_file:
        return chosen.client_secret
    path = Path(chosen.client_secret_file).expanduser()
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"accounts.oidc.client_secret_file: {path} cannot be read.") from error
    if not secret:
        raise ConfigError(f"accounts.oidc.client_secret_file: {path} is empty.")
    return secret
