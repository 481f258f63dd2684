"""Composition of accounts and sign-in. The sign-in with an OpenID provider needs the extra `oidc`."""

import importlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from streamtime.app.core import Infrastructure, backup_folders, database_path
from streamtime.app.workers import picture_decoder
from streamtime.auth.access import AnonymousAccess, Role
from streamtime.auth.administration import Administration
from streamtime.auth.api_tokens import ApiTokens
from streamtime.auth.audit import AuditLog
from streamtime.auth.authentication import Authenticator, LastUsedTracker
from streamtime.auth.failed_login_log import FailedLoginLog
from streamtime.auth.mfa import MfaChallenges, SecondFactor
from streamtime.auth.mfa_codes import SecondFactorCodes
from streamtime.auth.notices import Notices
from streamtime.auth.oidc.accounts import OidcAccountPolicy, OidcAccounts, OidcIdentities
from streamtime.auth.oidc.sign_in import OidcLoginStates, OidcSignIn
from streamtime.auth.oidc.types import IdentityProvider, ProviderSettings
from streamtime.auth.passwords import PasswordHashing
from streamtime.auth.preferences import PreferenceRepository
from streamtime.auth.profiles import ProfilePictures, Profiles
from streamtime.auth.rate_limits import RateLimiter
from streamtime.auth.refresh_tokens import AccessTokens, RefreshTokens
from streamtime.auth.registration import Invites, Registration, RegistrationMode, Setup
from streamtime.auth.sessions import Sessions
from streamtime.auth.sign_in import PasswordVerifier, SignIn
from streamtime.auth.signing_keys import Purpose, SigningKeys
from streamtime.auth.users import Users
from streamtime.clock import Clock, SystemClock
from streamtime.config.accounts import OidcConfig
from streamtime.config.sections import Config
from streamtime.database.transaction import Database
from streamtime.errors import ConfigError
from streamtime.http.services import AccountServices, AuthServices
from streamtime.videos.account_deletion import AccountDeletion
from streamtime.videos.video import ProfileVisibility

OIDC_EXTRA_PACKAGES = frozenset({"authlib", "httpx2", "joserfc"})


@dataclass(frozen=True, slots=True)
class AccountManagement:
    """Accounts and their credentials, with or without a running server: what commands use."""

    database: Database
    clock: Clock
    passwords: PasswordHashing
    audit: AuditLog
    rate_limiter: RateLimiter
    failed_logins: FailedLoginLog
    codes: SecondFactorCodes
    users: Users
    sessions: Sessions
    administration: Administration
    tokens: ApiTokens
    invites: Invites
    second_factor: SecondFactor


def build_account_management(
    config: Config, database: Database, clock: Clock, passwords: PasswordHashing, notices: Notices
) -> AccountManagement:
    """Build the services for accounts that need no running server."""
    audit, rate_limiter = AuditLog(database, clock), RateLimiter(clock)
    failed_logins = FailedLoginLog(database, audit, clock)
    codes = SecondFactorCodes(database, rate_limiter, audit, failed_logins, clock)
    sessions = Sessions(database, audit, clock)
    return AccountManagement(
        database=database,
        clock=clock,
        passwords=passwords,
        audit=audit,
        rate_limiter=rate_limiter,
        failed_logins=failed_logins,
        codes=codes,
        users=Users(database, passwords, notices, audit, clock),
        sessions=sessions,
        administration=Administration(database, passwords, sessions, audit, clock),
        tokens=ApiTokens(database, audit, clock),
        invites=Invites(database, notices, audit, clock, mode=RegistrationMode(config.accounts.registration)),
        second_factor=SecondFactor(database, sessions, codes, audit, clock),
    )


@asynccontextmanager
async def open_account_management(config: Config) -> AsyncIterator[AccountManagement]:
    """Open the database and the services for accounts only."""
    passwords = PasswordHashing()
    database = Database(database_path(config), copies=backup_folders(config))
    try:
        notices = Notices(database, SystemClock(), lambda _: None)  # no page of this process is told
        yield build_account_management(config, database, SystemClock(), passwords, notices)
    finally:
        await database.close()
        passwords.close()


def build_accounts(config: Config, management: AccountManagement, deletion: AccountDeletion) -> AccountServices:
    """Build the services for accounts."""
    database, users, rate_limiter = management.database, management.users, management.rate_limiter
    mode = RegistrationMode(config.accounts.registration)
    return AccountServices(
        users=users,
        administration=management.administration,
        invites=management.invites,
        registration=Registration(database, users, management.invites, management.passwords, rate_limiter, mode=mode),
        setup=Setup(users, rate_limiter),
        profiles=Profiles(database),
        pictures=ProfilePictures(database, picture_decoder(config), rate_limiter, management.audit),
        preferences=PreferenceRepository(database),
        profile_visibility=ProfileVisibility(database),
        deletion=deletion,
        audit=management.audit,
    )


def build_auth(
    config: Config, base: Infrastructure, management: AccountManagement, ticket_keys: SigningKeys
) -> AuthServices:
    """Build the services for sign-in and authentication."""
    database, clock, audit = base.database, base.clock, management.audit
    rate_limiter, lifetime_s = management.rate_limiter, config.accounts.session_lifetime
    passwords = PasswordVerifier(management.users, management.passwords, rate_limiter, management.failed_logins)
    sign_in = SignIn(database, passwords, management.codes, audit, clock, lifetime_s=lifetime_s)
    access_tokens = AccessTokens(SigningKeys(database, base.epoch, clock, Purpose.ACCESS), clock)
    last_used = LastUsedTracker(database)
    return AuthServices(
        passwords=passwords,
        sign_in=sign_in,
        mfa_challenges=MfaChallenges(database, ticket_keys, clock),
        second_factor=management.second_factor,
        oidc=_build_oidc_sign_in(config, management, sign_in),
        sessions=management.sessions,
        api_tokens=management.tokens,
        refresh_tokens=RefreshTokens(database, access_tokens, rate_limiter, audit, clock, lifetime_s=lifetime_s),
        authenticator=Authenticator(
            database, base.epoch, access_tokens, last_used, clock, anonymous_access=anonymous_access(config)
        ),
        last_used=last_used,
        rate_limiter=rate_limiter,
        failed_logins=management.failed_logins,
    )


def anonymous_access(config: Config) -> AnonymousAccess:
    """Return what visitors without an account may see."""
    return AnonymousAccess.PUBLIC if config.accounts.anonymous_browsing else AnonymousAccess.NOTHING


def _build_oidc_sign_in(config: Config, management: AccountManagement, sign_in: SignIn) -> OidcSignIn | None:
    """Build the sign-in with the configured OpenID provider, without contacting it; None if none is configured.

    Raises:
        ConfigError: the configuration is incomplete, or the extra is not installed.
    """
    chosen = config.accounts.oidc
    database, clock = management.database, management.clock
    provider = build_oidc_provider(chosen, clock)
    if provider is None:
        return None
    policy = OidcAccountPolicy(
        name=chosen.name,
        create_accounts=chosen.create_accounts,
        role=Role(chosen.role),
        admin_group=chosen.admin_group,
    )
    identities = OidcIdentities(database, management.audit, clock, issuer=chosen.issuer, name=chosen.name)
    return OidcSignIn(
        provider,
        OidcAccounts(database, identities, management.users, management.administration, policy=policy),
        OidcLoginStates(clock),
        sign_in,
        management.rate_limiter,
        management.failed_logins,
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
