"""`streamtime user invite`: a link with which people make themselves an account."""

import rich_click as click

from streamtime.access.caller import Role
from streamtime.accounts.audit import COMMAND_LINE
from streamtime.accounts.invites import DAY_MS, NewInvite
from streamtime.app import AccountServices
from streamtime.cli.context import Context
from streamtime.cli.user import ROLES
from streamtime.config.values import Seconds
from streamtime.errors import Conflict


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
