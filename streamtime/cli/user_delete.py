"""`streamtime user delete`: an account goes, and its videos to somebody else or for good."""

import asyncio
from contextlib import AsyncExitStack

import rich_click as click

from streamtime.accounts.audit import COMMAND_LINE
from streamtime.app import open_accounts
from streamtime.cli.context import Context
from streamtime.config.sections import Config
from streamtime.errors import NotFound
from streamtime.rooms import closing_on, library_on, open_foundation


@click.command()
@click.argument("name")
@click.option("--videos-to", "heir", metavar="OTHER", help="Who is to have the videos.")
@click.option("--delete-videos", is_flag=True, help="Delete the videos for good, those in the bin too.")
@click.pass_obj
def delete(context: Context, name: str, heir: str | None, delete_videos: bool) -> None:
    """Delete an account, at once, also of a running server. Where it has videos, say what becomes of them."""
    if heir is not None and delete_videos:
        raise click.UsageError("Give --videos-to or --delete-videos, not both.")
    asyncio.run(_delete(context.ready(), name, heir, delete_videos=delete_videos))
    click.echo(f"{name} is deleted." if heir is None else f"{name} is deleted. {heir} has the videos.")


async def _delete(config: Config, name: str, heir: str | None, *, delete_videos: bool) -> None:
    async with AsyncExitStack() as stack:
        users = (await stack.enter_async_context(open_accounts(config))).users
        user = await users.by_name(name)
        other = None if heir is None else await users.by_name(heir)
        if other is not None and other.id == user.id:
            raise NotFound("The videos go to another account than the one that is deleted.")
        base = await open_foundation(config, stack, sweep=False)
        closing = closing_on(base, library_on(base))
        await base.database.write(
            lambda tx: closing.close(tx, user, COMMAND_LINE, heir=other, delete_videos=delete_videos)
        )
