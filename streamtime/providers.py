"""The OpenID provider of the configuration, if there is one: the part of the composition root that needs an extra."""

import importlib
import sys
from dataclasses import dataclass
from pathlib import Path

from streamtime.access.caller import Role
from streamtime.accounts.administration import Administration
from streamtime.accounts.attempts import OidcLoginStates
from streamtime.accounts.audit import AuditLog
from streamtime.accounts.failures import FailedLoginLog
from streamtime.accounts.identities import OidcIdentities
from streamtime.accounts.limits import RateLimiter
from streamtime.accounts.provider_sign_in import OidcSignIn
from streamtime.accounts.sign_in import SignIn
from streamtime.accounts.users import Users
from streamtime.accounts.vouched import OidcAccountPolicy, OidcAccounts
from streamtime.clock import Clock
from streamtime.config.oidc import OidcConfig
from streamtime.config.sections import Config
from streamtime.errors import ConfigError
from streamtime.openid.terms import IdentityProvider, ProviderSettings
from streamtime.rooms import Infrastructure

OIDC_EXTRA_PACKAGES = frozenset({"authlib", "httpx2", "joserfc"})


@dataclass(frozen=True, slots=True)
class OidcDependencies:
    """What signing in by a provider stands on."""

    users: Users
    sign_in: SignIn
    administration: Administration
    limits: RateLimiter
    failures: FailedLoginLog


def build_oidc_sign_in(
    config: Config, base: Infrastructure, audit: AuditLog, on: OidcDependencies
) -> OidcSignIn | None:
    """Signing in by the provider of the configuration; None where there is none. Nothing is asked of it yet.

    Raises:
        ConfigError: it is configured by halves, or the extra is not installed.
    """
    chosen = config.accounts.oidc
    provider = build_oidc_provider(chosen, base.clock)
    if provider is None:
        return None
    policy = OidcAccountPolicy(
        name=chosen.name,
        create_accounts=chosen.create_accounts,
        role=Role(chosen.role),
        admin_group=chosen.admin_group,
    )
    identities = OidcIdentities(base.database, audit, base.clock, issuer=chosen.issuer, name=chosen.name)
    return OidcSignIn(
        provider,
        identities,
        OidcAccounts(base.database, identities, on.users, on.administration, policy=policy),
        OidcLoginStates(base.clock),
        on.sign_in,
        on.limits,
        on.failures,
        name=chosen.name,
    )


def build_oidc_provider(chosen: OidcConfig, clock: Clock) -> IdentityProvider | None:
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
        client_secret=_client_secret(chosen),
        scopes=chosen.scopes,
        groups_claim=chosen.groups_claim if chosen.admin_group else "",
        timeout_s=int(chosen.timeout),
    )
    try:
        room = importlib.import_module("streamtime.openid.provider")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in OIDC_EXTRA_PACKAGES:
            raise
        command = f'{sys.executable} -m pip install "streamtime[oidc]"'
        raise ConfigError(f"accounts.oidc needs what is not installed ({error.name}). Run: {command}") from error
    provider: IdentityProvider = room.OpenIdProvider(settings, clock)
    return provider


def _client_secret(chosen: OidcConfig) -> str:
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
