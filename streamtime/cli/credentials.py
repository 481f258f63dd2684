"""`streamtime token` and `streamtime session`: lists and revokes API tokens and sessions, and creates tokens."""

import rich_click as click

from streamtime.app.auth import AccountManagement
from streamtime.auth.access import TokenScope
from streamtime.auth.api_tokens import IssuedApiToken
from streamtime.auth.audit import COMMAND_LINE
from streamtime.auth.sessions import Session
from streamtime.cli.context import Context
from streamtime.formatting import time_iso


@click.group()
def token() -> None:
    """Create, list and revoke API tokens."""


@token.command()
@click.argument("name")
@click.option("--label", required=True, help="What the token is for.")
@click.option(
    "--scope",
    type=click.Choice([scope.value for scope in TokenScope]),
    default=TokenScope.ADMIN.value,
    show_default=True,
    help="What it may do: read; upload (upload videos and change one's own); admin (everything the account may).",
)
@click.pass_obj
def create(context: Context, name: str, label: str, scope: str) -> None:
    """Create a token for the account NAME and print it. It is not shown again."""

    async def create_token(accounts: AccountManagement) -> IssuedApiToken:
        owner = await accounts.users.by_name(name)
        return await accounts.tokens.create(COMMAND_LINE, owner.id, label, TokenScope(scope))

    click.echo(context.run_with_accounts(create_token).secret)


@token.command("list")
@click.pass_obj
def list_tokens(context: Context) -> None:
    """List all tokens: id, account, label, scope, created, last used, state."""
    for token in context.run_with_accounts(lambda accounts: accounts.tokens.list_all()):
        last_used = time_iso(token.last_used_at_ms) if token.last_used_at_ms else "never used"
        state = "in use" if token.revoked_at_ms is None else "revoked"
        created = time_iso(token.created_at_ms)
        columns = [token.public_id, token.user_name, token.label, token.scope.value, created, last_used, state]
        click.echo("\t".join(columns))


@token.command()
@click.argument("token_id")
@click.pass_obj
def revoke(context: Context, token_id: str) -> None:
    """Revoke a token by its id from `token list`, with immediate effect, also for a running server."""
    context.run_with_accounts(lambda accounts: accounts.tokens.revoke(COMMAND_LINE, token_id, of_user=None))
    click.echo(f"{token_id} is revoked.")


@click.group()
def session() -> None:
    """List and end sessions of browsers and API clients."""


@session.command("list")
@click.argument("name")
@click.pass_obj
def list_sessions(context: Context, name: str) -> None:
    """List the sessions of the account NAME: id, kind, device, address, created, last used."""

    async def list_for_name(accounts: AccountManagement) -> list[Session]:
        return await accounts.sessions.list_for_user((await accounts.users.by_name(name)).id)

    for row in context.run_with_accounts(list_for_name):
        times = [time_iso(row.created_at_ms), time_iso(row.last_used_at_ms)]
        columns = [row.public_id, row.kind.value, row.device or "unknown", row.address or "unknown", *times]
        click.echo("\t".join(columns))


@session.command()
@click.argument("session_id")
@click.pass_obj
def end(context: Context, session_id: str) -> None:
    """End a session by its id from `session list`, with immediate effect, also for a running server."""
    ended = context.run_with_accounts(lambda accounts: accounts.sessions.end(COMMAND_LINE, session_id, of_user=None))
    click.echo(f"A session of {ended.user_name} is ended.")
