"""`streamtime user delete`: an account goes, and its videos to somebody else or for good."""

import asyncio
from contextlib import AsyncExitStack

import rich_click as click

from streamtime.accounts.audit import COMMAND_LINE
from streamtime.app import open_account_services
from streamtime.cli.context import Context
from streamtime.config.sections import Config
from streamtime.errors import NotFound
from streamtime.rooms import build_account_deletion, build_video_services, open_infrastructure


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
