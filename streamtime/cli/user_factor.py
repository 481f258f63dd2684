"""`streamtime user second-factor`: whether an account has one, and its end for whoever has lost it."""

import rich_click as click

from streamtime.accounts.audit import COMMAND_LINE
from streamtime.app import AccountServices
from streamtime.cli.context import Context
from streamtime.http.words import time_iso


@click.command("second-factor")
@click.argument("name")
@click.option("--off", is_flag=True, help="Turn it off, and end all sessions of the account.")
@click.pass_obj
def second_factor(context: Context, name: str, off: bool) -> None:
    """Say whether the account NAME has a second factor; turn it off for somebody who has lost it."""
    click.echo(context.run_with_accounts(lambda accounts: _turn_off(accounts, name) if off else _state(accounts, name)))


async def _state(accounts: AccountServices, name: str) -> str:
    found = await accounts.users.by_name(name)
    if found.factor_since_ms is None:
        return f"{found.name} has no second factor."
    left = await accounts.second_factor.recovery_codes_left(found)
    return f"{found.name} has a second factor since {time_iso(found.factor_since_ms)}, recovery codes left: {left}."


async def _turn_off(accounts: AccountServices, name: str) -> str:
    found = await accounts.users.by_name(name)
    await accounts.database.write(lambda tx: accounts.second_factor.admin_disable(tx, found, COMMAND_LINE))
    return f"The second factor of {found.name} is off, and {found.name} is signed out everywhere."
