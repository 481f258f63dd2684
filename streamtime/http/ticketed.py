"""A video's view for somebody who comes by a link: the same, with every address of media behind a ticket."""

from dataclasses import replace

from streamtime.http.views import WatchView
from streamtime.sharing.tickets import Ticket


def with_ticket_urls(view: WatchView, ticket: Ticket) -> WatchView:
    """The view with addresses that need no cookie; the original is not among them."""
    return replace(
        view,
        master_url=ticket.url(view.master_url),
        chapters_url=ticket.url(view.chapters_url),
        poster_url=_ticket_url(ticket, view.poster_url),
        preview_url=_ticket_url(ticket, view.preview_url),
        storyboard_url=_ticket_url(ticket, view.storyboard_url),
        original_href=None,
        original_text=None,
        storyboard_tiles=[],
    )


def _ticket_url(ticket: Ticket, path: str | None) -> str | None:
    return None if path is None else ticket.url(path)
