"""The keys of `[accounts]` and `[accounts.oidc]`."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from streamtime.config.values import ByteCount, Issuer, Seconds

DAY = 86400


class OidcConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OpenID provider for sign-in. It is used if `issuer` and `client_id` are set."""

    issuer: Annotated[
        Issuer,
        Meta(
            description=(
                "The issuer URL of the OpenID provider. Its metadata is read from `/.well-known/openid-configuration` "
                "below it. Needs the extra `streamtime[oidc]`."
            )
        ),
    ] = Issuer("")
    client_id: Annotated[str, Meta(description="The client id of this server at the provider.")] = ""
    client_secret: Annotated[
        str,
        Meta(description="The client secret; empty for a public client.", extra={"secret": True}),
    ] = ""
    client_secret_file: Annotated[
        str, Meta(description="A file that contains the client secret, instead of `client_secret`.")
    ] = ""
    name: Annotated[
        str,
        Meta(min_length=1, max_length=40, description='The provider\'s name on the button "Sign in with ...".'),
    ] = "single sign-on"
    scopes: Annotated[
        tuple[str, ...],
        Meta(
            max_length=20,
            description="The requested scopes; some providers send groups only if `groups` is requested.",
        ),
    ] = ("openid", "profile")
    create_accounts: Annotated[
        bool,
        Meta(
            description=(
                "Create an account for every user of the provider who has none. Otherwise people connect their "
                "existing account in their settings."
            )
        ),
    ] = False
    role: Annotated[Literal["member", "viewer"], Meta(description="The role of accounts created this way.")] = "member"
    admin_group: Annotated[
        str,
        Meta(
            description=(
                "Members of this group become administrators at their next sign-in with the provider, and others lose "
                "the role. Empty: roles are not changed."
            )
        ),
    ] = ""
    groups_claim: Annotated[str, Meta(min_length=1, description="The claim that contains the user's groups.")] = (
        "groups"
    )
    timeout: Annotated[
        Seconds, Meta(ge=1, le=60, description="The longest time that a sign-in waits for the provider.")
    ] = Seconds(10)


class AccountsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Accounts, registration and quotas."""

    session_lifetime: Annotated[Seconds, Meta(ge=300, description="How long a browser stays signed in.")] = Seconds(
        30 * DAY
    )
    default_visibility: Annotated[
        Literal["private", "members", "unlisted", "public"],
        Meta(description="The visibility of new videos."),
    ] = "private"
    anonymous_browsing: Annotated[
        bool,
        Meta(
            description=(
                "Whether people without an account may watch public and unlisted videos. If false, only share links "
                "work without signing in."
            )
        ),
    ] = True
    registration: Annotated[
        Literal["closed", "invite", "open"],
        Meta(
            description=(
                "Who may create an account: nobody (`closed`), people with an invitation (`invite`), or anyone "
                "(`open`), subject to approval."
            )
        ),
    ] = "invite"
    audit_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36500,
            description="How many days entries of the audit log (`/admin/audit`) are kept; 0 is forever.",
        ),
    ] = 365
    quota: Annotated[
        ByteCount,
        Meta(
            ge=0,
            description=(
                "The storage quota of each account, including the trash and unfinished uploads; 0 is no limit. "
                "`streamtime user quota` overrides it for one account."
            ),
        ),
    ] = ByteCount(0)
    oidc: OidcConfig = OidcConfig()
