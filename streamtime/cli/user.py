"""`streamtime user`: creates, lists, changes and deletes accounts, with or without a running server."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import rich_click as click

from streamtime.app.auth import AccountManagement, open_account_management
from streamtime.app.core import open_infrastructure
from streamtime.app.videos import build_account_deletion, build_videos
from streamtime.auth.access import Role
from streamtime.auth.administration import Administration
from streamtime.auth.audit import COMMAND_LINE
from streamtime.auth.registration import DAY_MS, NewInvite
from streamtime.auth.users import User
from streamtime.cli.context import Context
from streamtime.config.sections import Config
from streamtime.config.values import ByteCount, Seconds
from streamtime.database.transaction import Transaction
from streamtime.errors import Conflict, NotFound
from streamtime.formatting import size_text, time_iso

ROLES = click.Choice([role.value for role in Role])

stdin_option = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@click.group()
def user() -> None:
    """Create, list and change accounts."""


@user.command()
@click.argument("name")
@click.option("--admin", is_flag=True, help="Create an administrator: the same as --role admin.")
@click.option("--role", type=ROLES, help="The role of the account; a viewer only watches. The default is member.")
@stdin_option
@click.pass_obj
def create(context: Context, name: str, admin: bool, role: str | None, password_stdin: bool) -> None:
    """Create an account."""
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

    async def find_and_set(accounts: AccountManagement) -> None:
        found = await accounts.users.by_name(name)
        await accounts.administration.set_password(found, new, COMMAND_LINE)

    context.run_with_accounts(find_and_set)
    click.echo(f"{name} has a new password and is signed out everywhere.")


@user.command()
@click.argument("name")
@click.pass_obj
def disable(context: Context, name: str) -> None:
    """Disable an account with immediate effect, also on a running server."""
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
    """Enable a disabled account."""
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
    """Set the role of an account: admin (manages the server), member (has videos), viewer (only watches)."""
    chosen = Role(new_role)
    change_account(
        context, name, lambda administration, tx, found: administration.set_role(tx, found, chosen, COMMAND_LINE)
    )
    click.echo(f"{name} is now {'an admin' if chosen is Role.ADMIN else f'a {chosen.value}'}.")


@user.command()
@click.argument("name")
@click.pass_obj
def approve(context: Context, name: str) -> None:
    """Approve a registered account."""
    change_account(context, name, lambda administration, tx, found: administration.approve(tx, found, COMMAND_LINE))
    click.echo(f"{name} may sign in.")


@user.command()
@click.argument("name")
@click.argument("size", metavar="SIZE|none|default")
@click.pass_obj
def quota(context: Context, name: str, size: str) -> None:
    """Set the storage quota of an account: "500 GB", none (no limit), or default (as configured)."""
    chosen = _size(size)
    change_account(
        context, name, lambda administration, tx, found: administration.set_quota(tx, found, chosen, COMMAND_LINE)
    )
    texts = {None: "what the configuration says", 0: "as much as there is room for"}
    click.echo(f"{name} may use {texts.get(chosen) or size_text(chosen or 0)}.")


def change_account(
    context: Context, name: str, change: Callable[[Administration, Transaction, User], Awaitable[None]]
) -> None:
    """Apply a change to the account with that name, in a transaction."""

    async def find_and_change(accounts: AccountManagement) -> None:
        found = await accounts.users.by_name(name)
        await accounts.database.write(lambda tx: change(accounts.administration, tx, found))

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


@click.command()
@click.argument("name")
@click.option("--videos-to", "new_owner", metavar="OTHER", help="The account that gets the videos.")
@click.option("--delete-videos", is_flag=True, help="Delete the videos permanently, including those in the trash.")
@click.pass_obj
def delete(context: Context, name: str, new_owner: str | None, delete_videos: bool) -> None:
    """Delete an account with immediate effect, also on a running server. An account with videos needs an option."""
    if new_owner is not None and delete_videos:
        raise click.UsageError("Give --videos-to or --delete-videos, not both.")
    asyncio.run(_delete(context.prepared_config(), name, new_owner, delete_videos=delete_videos))
    click.echo(f"{name} is deleted." if new_owner is None else f"{name} is deleted. {new_owner} has the videos.")


async def _delete(config: Config, name: str, new_owner: str | None, *, delete_videos: bool) -> None:
    async with AsyncExitStack() as stack:
        users = (await stack.enter_async_context(open_account_management(config))).users
        user = await users.by_name(name)
        other = None if new_owner is None else await users.by_name(new_owner)
        if other is not None and other.id == user.id:
            raise NotFound("The videos go to another account than the one that is deleted.")
        base = await open_infrastructure(config, stack, sweep=False)
        deletion = build_account_deletion(base, build_videos(config, base))
        await base.database.write(
            lambda tx: deletion.delete(tx, user, COMMAND_LINE, new_owner=other, delete_videos=delete_videos)
        )


@click.command("second-factor")
@click.argument("name")
@click.option("--off", is_flag=True, help="Disable it, and end all sessions of the account.")
@click.pass_obj
def second_factor(context: Context, name: str, off: bool) -> None:
    """Show whether the account NAME has a second factor; with --off, disable it for a user who has lost it."""
    click.echo(context.run_with_accounts(lambda accounts: _turn_off(accounts, name) if off else _state(accounts, name)))


async def _state(accounts: AccountManagement, name: str) -> str:
    found = await accounts.users.by_name(name)
    if found.factor_since_ms is None:
        return f"{found.name} has no second factor."
    left = await accounts.second_factor.recovery_codes_left(found)
    return f"{found.name} has a second factor since {time_iso(found.factor_since_ms)}, recovery codes left: {left}."


async def _turn_off(accounts: AccountManagement, name: str) -> str:
    found = await accounts.users.by_name(name)
    await accounts.database.write(lambda tx: accounts.second_factor.admin_disable(tx, found, COMMAND_LINE))
    return f"The second factor of {found.name} is off, and {found.name} is signed out everywhere."


@click.command()
@click.option("--role", type=ROLES, default=Role.MEMBER.value, show_default=True, help="The role of the accounts.")
@click.option("--uses", type=int, default=1, show_default=True, help="How many people can use it.")
@click.option("--expires", default="7d", show_default=True, metavar="TIME", help="How long it is valid: 30d.")
@click.option("--label", default="", help="A note for whom it is.")
@click.pass_obj
def invite(context: Context, role: str, uses: int, expires: str, label: str) -> None:
    """Create an invitation and print the path of its link once. Needs accounts.registration invite or open."""
    new = NewInvite(Role(role), uses, _days(expires), label)

    async def create_invite(accounts: AccountManagement) -> str:
        admins = [user for user in await accounts.users.list_all() if user.role is Role.ADMIN]
        if not admins:
            raise Conflict("There is no administrator yet: make one first, in whose name it is.")
        _, token = await accounts.invites.create(new, COMMAND_LINE, by_user=admins[0].id)
        return token

    click.echo(f"/join/{context.run_with_accounts(create_invite)}")


def _days(text: str) -> int:
    try:
        seconds = int(Seconds.parse(text))
    except ValueError:
        raise click.BadParameter(f"It takes {Seconds.accepts}.", param_hint="--expires") from None
    return max(1, -(-seconds * 1000 // DAY_MS))
