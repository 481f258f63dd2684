"""The keys of `[accounts.oidc]`; `sections.py` has all the others."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from streamtime.config.values import ByteCount, Issuer, Seconds

DAY = 86400


class OidcConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An OpenID provider that people may sign in by. It is used where `issuer` and `client_id` are set."""

    issuer: Annotated[
        Issuer,
        Meta(
            description=(
                "The OpenID provider, by the name that it calls itself (`issuer`); it is asked for the rest at "
                "`/.well-known/openid-configuration` below it. Needs the extra `streamtime[oidc]`."
            )
        ),
    ] = Issuer("")
    client_id: Annotated[str, Meta(description="What the provider calls this server.")] = ""
    client_secret: Annotated[
        str,
        Meta(description="The secret that goes with it; empty for a public client.", extra={"secret": True}),
    ] = ""
    client_secret_file: Annotated[
        str, Meta(description="A file that holds the secret, in place of `client_secret`.")
    ] = ""
    name: Annotated[
        str, Meta(min_length=1, max_length=40, description='What people read on the button: "Sign in with ...".')
    ] = "single sign-on"
    scopes: Annotated[
        tuple[str, ...],
        Meta(
            max_length=20,
            description="What the provider is asked to tell of somebody; some tell groups only if asked for `groups`.",
        ),
    ] = ("openid", "profile")
    create_accounts: Annotated[
        bool,
        Meta(
            description=(
                "Make an account for everybody whom the provider lets in and who has none. Otherwise people connect "
                "the account they have, in their settings."
            )
        ),
    ] = False
    role: Annotated[Literal["member", "viewer"], Meta(description="What such a new account is for.")] = "member"
    admin_group: Annotated[
        str,
        Meta(
            description=(
                "Whoever is in this group is an administrator from their next sign-in by the provider on, and whoever "
                "is not is none. Empty leaves roles alone."
            )
        ),
    ] = ""
    groups_claim: Annotated[
        str, Meta(min_length=1, description="The claim in which the provider tells somebody's groups.")
    ] = "groups"
    timeout: Annotated[
        Seconds, Meta(ge=1, le=60, description="How long somebody who signs in waits for the provider at most.")
    ] = Seconds(10)


class AccountsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """People and what they share."""

    session_lifetime: Annotated[Seconds, Meta(ge=300, description="How long a browser stays signed in.")] = Seconds(
        30 * DAY
    )
    default_visibility: Annotated[
        Literal["private", "members", "unlisted", "public"],
        Meta(description="Who may see a new video before its owner says so."),
    ] = "private"
    anonymous_browsing: Annotated[
        bool,
        Meta(
            description=(
                "Let people without an account look at public and unlisted videos. False keeps everything but share "
                "links for those who sign in."
            )
        ),
    ] = True
    registration: Annotated[
        Literal["closed", "invite", "open"],
        Meta(
            description=(
                "Who may make themselves an account: nobody (`closed`), people with an invitation (`invite`), or "
                "anybody (`open`), who then waits for approval."
            )
        ),
    ] = "invite"
    audit_days: Annotated[
        int,
        Meta(
            ge=0,
            le=36500,
            description="How many days it is kept who did what (`/admin/audit`), with addresses; 0 is for ever.",
        ),
    ] = 365
    quota: Annotated[
        ByteCount,
        Meta(
            ge=0,
            description=(
                "What the files of one person may take together, the bin and unfinished uploads counted; 0 is no "
                "limit. `streamtime user quota` sets another one for somebody."
            ),
        ),
    ] = ByteCount(0)
    oidc: OidcConfig = OidcConfig()
