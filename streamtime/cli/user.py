"""`streamtime user`: accounts, from a terminal or a script, beside a running server or without one."""

import sys
from collections.abc import Awaitable, Callable

import rich_click as click

from streamtime.access.caller import Role
from streamtime.accounts.administration import Administration
from streamtime.accounts.audit import COMMAND_LINE
from streamtime.accounts.users import User
from streamtime.app import AccountServices
from streamtime.cli.context import Context
from streamtime.config.values import ByteCount
from streamtime.database.transaction import Transaction
from streamtime.sizes import size_text

ROLES = click.Choice([role.value for role in Role])

stdin_option = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@click.group()
def user() -> None:
    """Make, list and change accounts."""


@user.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="The account may run the server: the same as --role admin.")
@click.option("--role", type=ROLES, help="What the account is for; a viewer only watches. Else it is a member's.")
@stdin_option
@click.pass_obj
def create(context: Context, name: str, admin: bool, role: str | None, password_stdin: bool) -> None:
    """Make an account."""
    if admin and role not in {None, Role.ADMIN.value}:
        raise click.UsageError("--admin is --role admin: give one of the two.")
    chosen = Role.ADMIN if admin else Role(role or Role.MEMBER)
    password = _password(from_stdin=password_stdin)
    made = context.run_with_accounts(lambda accounts: accounts.users.create(name, password, chosen, actor=COMMAND_LINE))
    click.echo(f"Made the {made.role.value} {made.name}.")


@user.command("list")
@click.pass_obj
def list_users(context: Context) -> None:
    """List all accounts: name, role, enabled or disabled or awaiting approval."""
    for found in context.run_with_accounts(lambda accounts: accounts.users.list_all()):
        state = "enabled" if found.disabled_at_ms is None else "disabled"
        state = state if found.awaiting_at_ms is None else "awaiting approval"
        click.echo(f"{found.name}\t{found.role.value}\t{state}")


@user.command()
@click.argument("name")
@stdin_option
@click.pass_obj
def password(context: Context, name: str, password_stdin: bool) -> None:
    """Set a new password and end all sessions of the account."""
    new = _password(from_stdin=password_stdin)

    async def find_and_set(accounts: AccountServices) -> None:
        found = await accounts.users.by_name(name)
        await accounts.administration.set_password(found, new, COMMAND_LINE)

    context.run_with_accounts(find_and_set)
    click.echo(f"{name} has a new password and is signed out everywhere.")


@user.command()
@click.argument("name")
@click.pass_obj
def disable(context: Context, name: str) -> None:
    """Shut an account out, at once, also of a running server."""
    change_account(
        context,
        name,
        lambda administration, tx, found: administration.set_enabled(tx, found, COMMAND_LINE, enabled=False),
    )
    click.echo(f"{name} is disabled.")


@user.command()
@click.argument("name")
@click.pass_obj
def enable(context: Context, name: str) -> None:
    """Let a disabled account in again."""
    change_account(
        context,
        name,
        lambda administration, tx, found: administration.set_enabled(tx, found, COMMAND_LINE, enabled=True),
    )
    click.echo(f"{name} is enabled.")


@user.command()
@click.argument("name")
@click.argument("new_role", metavar="ROLE", type=ROLES)
@click.pass_obj
def role(context: Context, name: str, new_role: str) -> None:
    """Say what an account is for: admin (runs the server), member (has videos), viewer (only watches)."""
    chosen = Role(new_role)
    change_account(
        context, name, lambda administration, tx, found: administration.set_role(tx, found, chosen, COMMAND_LINE)
    )
    click.echo(f"{name} is now {'an admin' if chosen is Role.ADMIN else f'a {chosen.value}'}.")


@user.command()
@click.argument("name")
@click.pass_obj
def approve(context: Context, name: str) -> None:
    """Let somebody in who has registered and waits for it."""
    change_account(context, name, lambda administration, tx, found: administration.approve(tx, found, COMMAND_LINE))
    click.echo(f"{name} may sign in.")


@user.command()
@click.argument("name")
@click.argument("size", metavar="SIZE|none|default")
@click.pass_obj
def quota(context: Context, name: str, size: str) -> None:
    """Say what somebody's files may take: "500 GB", none (no limit), or default (what the configuration says)."""
    chosen = _size(size)
    change_account(
        context, name, lambda administration, tx, found: administration.set_quota(tx, found, chosen, COMMAND_LINE)
    )
    words = {None: "what the configuration says", 0: "as much as there is room for"}
    click.echo(f"{name} may use {words.get(chosen) or size_text(chosen or 0)}.")


def change_account(
    context: Context, name: str, deed: Callable[[Administration, Transaction, User], Awaitable[None]]
) -> None:
    """Do something with the account of that name."""

    async def find_and_change(accounts: AccountServices) -> None:
        found = await accounts.users.by_name(name)
        await accounts.database.write(lambda tx: deed(accounts.administration, tx, found))

    context.run_with_accounts(find_and_change)


def _size(text: str) -> int | None:
    if text == "default":
        return None
    if text == "none":
        return 0
    try:
        size = int(ByteCount.parse(text))
    except ValueError:
        size = 0
    if not 0 < size < 1 << 63:
        raise click.BadParameter(f'It takes {ByteCount.accepts}, "none" or "default".', param_hint="SIZE")
    return size


def _password(*, from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    typed: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return typed
