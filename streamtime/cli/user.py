"""`streamtime user`: accounts, from a terminal or a script, beside a running server or without one."""

import sys

import rich_click as click

from streamtime.access.caller import Role
from streamtime.cli.context import Context
from streamtime.config.values import ByteCount
from streamtime.sizes import size_text

stdin_option = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@click.group()
def user() -> None:
    """Make, list and change accounts."""


@user.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="The account may run the server.")
@stdin_option
@click.pass_obj
def create(context: Context, name: str, admin: bool, password_stdin: bool) -> None:
    """Make an account."""
    password = _password(from_stdin=password_stdin)
    role = Role.ADMIN if admin else Role.MEMBER
    made = context.with_accounts(lambda accounts: accounts.users.create(name, password, role))
    click.echo(f"Made the {made.role.value} {made.name}.")


@user.command("list")
@click.pass_obj
def list_users(context: Context) -> None:
    """List all accounts: name, role, enabled or disabled."""
    for found in context.with_accounts(lambda accounts: accounts.users.listed()):
        state = "enabled" if found.disabled_at_ms is None else "disabled"
        click.echo(f"{found.name}\t{found.role.value}\t{state}")


@user.command()
@click.argument("name")
@stdin_option
@click.pass_obj
def password(context: Context, name: str, password_stdin: bool) -> None:
    """Set a new password and end all sessions of the account."""
    new = _password(from_stdin=password_stdin)
    context.with_accounts(lambda accounts: accounts.users.set_password(name, new))
    click.echo(f"{name} has a new password and is signed out everywhere.")


@user.command()
@click.argument("name")
@click.pass_obj
def disable(context: Context, name: str) -> None:
    """Shut an account out, at once, also of a running server."""
    context.with_accounts(lambda accounts: accounts.users.set_enabled(name, enabled=False))
    click.echo(f"{name} is disabled.")


@user.command()
@click.argument("name")
@click.pass_obj
def enable(context: Context, name: str) -> None:
    """Let a disabled account in again."""
    context.with_accounts(lambda accounts: accounts.users.set_enabled(name, enabled=True))
    click.echo(f"{name} is enabled.")


@user.command()
@click.argument("name")
@click.argument("size", metavar="SIZE|none|default")
@click.pass_obj
def quota(context: Context, name: str, size: str) -> None:
    """Say what somebody's files may take: "500 GB", none (no limit), or default (what the configuration says)."""
    chosen = _size(size)
    context.with_accounts(lambda accounts: accounts.users.set_quota(name, chosen))
    words = {None: "what the configuration says", 0: "as much as there is room for"}
    click.echo(f"{name} may use {words.get(chosen) or size_text(chosen or 0)}.")


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
