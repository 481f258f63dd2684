"""`streamtime session`: who is signed in where, and its end, beside a running server."""

import rich_click as click

from streamtime.app.server import AccountServices
from streamtime.auth.audit import COMMAND_LINE
from streamtime.auth.sessions import Session
from streamtime.cli.context import Context
from streamtime.formatting import time_iso


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
