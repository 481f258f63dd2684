"""`streamtime session`: who is signed in where, and its end, beside a running server.

`streamtime token`: API tokens for scripts.
"""

import rich_click as click

from streamtime.app.auth import AccountServices
from streamtime.auth.access import TokenScope
from streamtime.auth.api_tokens import IssuedApiToken
from streamtime.auth.audit import COMMAND_LINE
from streamtime.auth.sessions import Session
from streamtime.cli.context import Context
from streamtime.formatting import time_iso


@click.group()
def token() -> None:
    """Make, list and revoke API tokens."""


@token.command()
@click.argument("name")
@click.option("--label", required=True, help="What the token is for.")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in TokenScope]),
    default=TokenScope.ADMIN.value,
    show_default=True,
    help="What it may do: read; upload (send videos and change one's own); admin (all that the account may).",
)
@click.pass_obj
def create(context: Context, name: str, label: str, scope: str) -> None:
    """Make a token for the account NAME and print it. It is shown this once."""

    async def made(accounts: AccountServices) -> IssuedApiToken:
        owner = await accounts.users.by_name(name)
        return await accounts.tokens.create(COMMAND_LINE, owner.id, label, TokenScope(scope))

    click.echo(context.run_with_accounts(made).secret)


@token.command("list")
@click.pass_obj
def list_tokens(context: Context) -> None:
    """List all tokens: id, account, label, scope, made, last used, state."""
    for found in context.run_with_accounts(lambda accounts: accounts.tokens.list_all()):
        last_used = time_iso(found.last_used_at_ms) if found.last_used_at_ms else "never used"
        state = "in use" if found.revoked_at_ms is None else "revoked"
        made = time_iso(found.created_at_ms)
        columns = [found.public_id, found.user_name, found.label, found.scope.value, made, last_used, state]
        click.echo("\t".join(columns))


@token.command()
@click.argument("token_id")
@click.pass_obj
def revoke(context: Context, token_id: str) -> None:
    """End the use of a token, by its id from `token list`, at once, also of a running server."""
    context.run_with_accounts(lambda accounts: accounts.tokens.revoke(COMMAND_LINE, token_id, of_user=None))
    click.echo(f"{token_id} is revoked.")


@click.group()
def session() -> None:
    """List and end sessions: browsers and programs that are signed in."""


@session.command("list")
@click.argument("name")
@click.pass_obj
def list_sessions(context: Context, name: str) -> None:
    """List the sessions of the account NAME: id, kind, device, address, begun, last used."""

    async def listed(accounts: AccountServices) -> list[Session]:
        return await accounts.sessions.list_for_user((await accounts.users.by_name(name)).id)

    for found in context.run_with_accounts(listed):
        times = [time_iso(found.created_at_ms), time_iso(found.last_used_at_ms)]
        columns = [found.public_id, found.kind.value, found.device or "unknown", found.address or "unknown", *times]
        click.echo("\t".join(columns))


@session.command()
@click.argument("session_id")
@click.pass_obj
def end(context: Context, session_id: str) -> None:
    """End a session, by its id from `session list`: refused from the next request on, also by a running server."""
    ended = context.run_with_accounts(lambda accounts: accounts.sessions.end(COMMAND_LINE, session_id, of_user=None))
    click.echo(f"A session of {ended.user_name} is ended.")
