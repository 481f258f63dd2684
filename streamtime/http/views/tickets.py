"""View values of a video for somebody whose access is a ticket in the URL."""

from dataclasses import replace

from streamtime.http.views.videos import StoryboardTile, WatchView
from streamtime.sharing.tickets import Ticket


def with_ticket_urls(view: WatchView, ticket: Ticket) -> WatchView:
    """Return the view with media URLs that contain a ticket and need no cookie; without downloads."""
    return replace(
        view,
        master_url=ticket.url(view.master_url),
        chapters_url=ticket.url(view.chapters_url),
        poster_url=_ticket_url(ticket, view.poster_url),
        preview_url=_ticket_url(ticket, view.preview_url),
        storyboard_url=_ticket_url(ticket, view.storyboard_url),
        original_text=None,
        downloads=[],
        chapters=[replace(chapter, tile=_ticket_tile(ticket, chapter.tile)) for chapter in view.chapters],
        storyboard_tiles=[],
    )


def _ticket_tile(ticket: Ticket, tile: StoryboardTile | None) -> StoryboardTile | None:
    return None if tile is None else replace(tile, sheet_url=ticket.url(tile.sheet_url))


def _ticket_url(ticket: Ticket, path: str | None) -> str | None:
    return None if path is None else ticket.url(path)
