"""`streamtime user invite`: a link with which people make themselves an account.

`streamtime user`: accounts, from a terminal or a script, beside a running server or without one.

`streamtime user delete`: an account goes, and its videos to somebody else or for good.

`streamtime user second-factor`: whether an account has one, and its end for whoever has lost it.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import rich_click as click

from streamtime.app.auth import AccountServices, open_account_services
from streamtime.app.core import build_account_deletion, build_video_services, open_infrastructure
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


@click.command()
@click.argument("name")
@click.option("--videos-to", "heir", metavar="OTHER", help="Who is to have the videos.")
@click.option("--delete-videos", is_flag=True, help="Delete the videos for good, those in the bin too.")
@click.pass_obj
def delete(context: Context, name: str, heir: str | None, delete_videos: bool) -> None:
    """Delete an account, at once, also of a running server. Where it has videos, say what becomes of them."""
    if heir is not None and delete_videos:
        raise click.UsageError("Give --videos-to or --delete-videos, not both.")
    asyncio.run(_delete(context.prepared_config(), name, heir, delete_videos=delete_videos))
    click.echo(f"{name} is deleted." if heir is None else f"{name} is deleted. {heir} has the videos.")


async def _delete(config: Config, name: str, heir: str | None, *, delete_videos: bool) -> None:
    async with AsyncExitStack() as stack:
        users = (await stack.enter_async_context(open_account_services(config))).users
        user = await users.by_name(name)
        other = None if heir is None else await users.by_name(heir)
        if other is not None and other.id == user.id:
            raise NotFound("The videos go to another account than the one that is deleted.")
        base = await open_infrastructure(config, stack, sweep=False)
        closing = build_account_deletion(base, build_video_services(base))
        await base.database.write(
            lambda tx: closing.delete(tx, user, COMMAND_LINE, new_owner=other, delete_videos=delete_videos)
        )


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


@click.command()
@click.option("--role", type=ROLES, default=Role.MEMBER.value, show_default=True, help="What the accounts are for.")
@click.option("--uses", type=int, default=1, show_default=True, help="For how many people.")
@click.option("--expires", default="7d", show_default=True, metavar="TIME", help="For how long, in days: 30d.")
@click.option("--label", default="", help="Whom it is for.")
@click.pass_obj
def invite(context: Context, role: str, uses: int, expires: str, label: str) -> None:
    """Make an invitation and print the path of its link, this once. Needs accounts.registration invite or open."""
    new = NewInvite(Role(role), uses, _days(expires), label)

    async def make(accounts: AccountServices) -> str:
        admins = [user for user in await accounts.users.list_all() if user.role is Role.ADMIN]
        if not admins:
            raise Conflict("There is no administrator yet: make one first, in whose name it is.")
        _, token = await accounts.invites.create(new, COMMAND_LINE, by_user=admins[0].id)
        return token

    click.echo(f"/join/{context.run_with_accounts(make)}")


def _days(text: str) -> int:
    try:
        seconds = int(Seconds.parse(text))
    except ValueError:
        raise click.BadParameter(f"It takes {Seconds.accepts}.", param_hint="--expires") from None
    return max(1, -(-seconds * 1000 // DAY_MS))
