"""Composition of the account services for commands, and of the OpenID sign-in, which needs the extra `oidc`."""

import importlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from streamtime.app.core import Infrastructure, backup_folders, database_path
from streamtime.auth.access import Role
from streamtime.auth.administration import Administration
from streamtime.auth.api_tokens import ApiTokens
from streamtime.auth.audit import AuditLog
from streamtime.auth.failed_login_log import FailedLoginLog
from streamtime.auth.mfa import SecondFactor
from streamtime.auth.mfa_codes import SecondFactorCodes
from streamtime.auth.oidc.accounts import OidcAccountPolicy, OidcAccounts, OidcIdentities
from streamtime.auth.oidc.sign_in import OidcLoginStates, OidcSignIn
from streamtime.auth.oidc.types import IdentityProvider, ProviderSettings
from streamtime.auth.passwords import PasswordHashing
from streamtime.auth.rate_limits import RateLimiter
from streamtime.auth.registration import Invites, RegistrationMode
from streamtime.auth.sessions import Sessions
from streamtime.auth.sign_in import SignIn
from streamtime.auth.users import Users
from streamtime.clock import Clock, SystemClock
from streamtime.config.accounts import OidcConfig
from streamtime.config.sections import Config
from streamtime.database.transaction import Database
from streamtime.errors import ConfigError

OIDC_EXTRA_PACKAGES = frozenset({"authlib", "httpx2", "joserfc"})


@dataclass(frozen=True, slots=True)
class AccountServices:
    """Services for commands that manage accounts, with or without a running server."""

    database: Database
    users: Users
    tokens: ApiTokens
    administration: Administration
    invites: Invites
    sessions: Sessions
    second_factor: SecondFactor


@asynccontextmanager
async def open_account_services(config: Config) -> AsyncIterator[AccountServices]:
    """Open the account services only."""
    clock = SystemClock()
    passwords = PasswordHashing()
    database = Database(database_path(config), copies=backup_folders(config))
    try:
        audit = AuditLog(database, clock)
        users = Users(database, passwords, audit, clock)
        sessions = Sessions(database, audit, clock)
        administration = Administration(database, passwords, sessions, audit, clock)
        tokens = ApiTokens(database, audit, clock)
        invites = Invites(database, audit, clock, mode=RegistrationMode(config.accounts.registration))
        codes = SecondFactorCodes(database, RateLimiter(clock), audit, FailedLoginLog(database, audit, clock), clock)
        second_factor = SecondFactor(database, sessions, codes, audit, clock)
        yield AccountServices(database, users, tokens, administration, invites, sessions, second_factor)
    finally:
        await database.close()
        passwords.close()


@dataclass(frozen=True, slots=True)
class OidcDependencies:
    """The services that the OpenID sign-in uses."""

    users: Users
    sign_in: SignIn
    administration: Administration
    rate_limiter: RateLimiter
    failed_logins: FailedLoginLog


def build_oidc_sign_in(
    config: Config, base: Infrastructure, audit: AuditLog, dependencies: OidcDependencies
) -> OidcSignIn | None:
    """Build the sign-in with the configured OpenID provider, without contacting it; None if none is configured.

    Raises:
        ConfigError: the configuration is incomplete, or the extra is not installed.
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
        OidcAccounts(base.database, identities, dependencies.users, dependencies.administration, policy=policy),
        OidcLoginStates(base.clock),
        dependencies.sign_in,
        dependencies.rate_limiter,
        dependencies.failed_logins,
        name=chosen.name,
    )


def build_oidc_provider(chosen: OidcConfig, clock: Clock) -> IdentityProvider | None:
    """Build the configured OpenID provider; None if none is configured.

    Raises:
        ConfigError: the configuration is incomplete, or the extra is not installed.
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
        module = importlib.import_module("streamtime.auth.oidc.provider")
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in OIDC_EXTRA_PACKAGES:
            raise
        command = f'{sys.executable} -m pip install "streamtime[oidc]"'
        raise ConfigError(f"accounts.oidc needs what is not installed ({error.name}). Run: {command}") from error
    provider: IdentityProvider = module.OidcProvider(settings, clock)
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
