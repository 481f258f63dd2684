"""Share links and links for sending as pages and the API want them."""

from collections.abc import Mapping
from dataclasses import dataclass

from streamtime.errors import Invalid
from streamtime.formatting import age_text, size_text, time_iso
from streamtime.http.public_urls import AlternateUrl, LinkBase
from streamtime.http.requests import Form
from streamtime.http.secret_paths import DROPS, SHARED
from streamtime.sharing.links import Link, NewLink
from streamtime.sharing.upload_requests import UploadRequest
from streamtime.videos.trash import DAY_MS
from streamtime.videos.video import Video

EXPIRY_CHOICES = {"1": "A day", "7": "A week", "30": "A month", "": "No end"}
"""What a link's maker may choose, in days."""

MAX_DAYS = 3650
_DIGITS = 7


NEW_LINK: Form = {"label": "", "days": "7", "password": "", "max_views": "", "errors": {}}
"""The form for a share link as it begins: links that last for ever are forgotten."""


@dataclass(frozen=True, slots=True)
class LinkView:
    """A link in a list."""

    id: str
    href: str
    address: str
    alternate_urls: list[AlternateUrl]
    label: str
    titles: tuple[str, ...]
    has_password: bool
    views: int
    max_views: int | None
    state: str
    created_text: str
    expires_iso: str | None
    viewed_text: str | None


def link_view(link: Link, now_ms: int, base: LinkBase) -> LinkView:
    """A link whose whole address begins with `base`."""
    return LinkView(
        id=link.public_id,
        href=SHARED + link.public_id,
        address=base.url(SHARED + link.public_id),
        alternate_urls=base.alternate_urls(SHARED + link.public_id),
        label=link.label,
        titles=tuple(video.title for video in link.videos),
        has_password=link.has_password,
        views=link.views,
        max_views=link.max_views,
        state=link.state(now_ms).value,
        created_text=age_text(link.created_at_ms, now_ms),
        expires_iso=None if link.expires_at_ms is None else time_iso(link.expires_at_ms),
        viewed_text=None if link.last_viewed_at_ms is None else age_text(link.last_viewed_at_ms, now_ms),
    )


def parse_new_link(fields: Mapping[str, str], videos: list[Video], now_ms: int) -> NewLink:
    """The link that a form asks for.

    Raises:
        Invalid: one of its fields cannot be used.
    """
    return NewLink(
        videos=videos,
        label=fields["label"],
        password=fields["password"] or None,
        max_views=parse_optional_int(fields["max_views"], "max_views"),
        expires_at_ms=parse_expiry(fields["days"], now_ms),
    )


def parse_expiry(days: str, now_ms: int) -> int | None:
    """The end that a form's choice of days means; None for no end.

    Raises:
        Invalid: it is no number of days.
    """
    count = parse_optional_int(days, "days")
    if count is not None and not 1 <= count <= MAX_DAYS:
        raise Invalid(f"Choose 1 to {MAX_DAYS} days.", field="days")
    return expires_after(count, now_ms)


def expires_after(days: int | None, now_ms: int) -> int | None:
    """The end of what lasts so many days; None for no end."""
    return None if days is None else now_ms + days * DAY_MS


def parse_optional_int(text: str, field: str) -> int | None:
    """A whole number that a form may leave empty.

    Raises:
        Invalid: it is something else.
    """
    text = text.strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _DIGITS):
        raise Invalid("Write a whole number, or leave it empty.", field=field)
    return int(text)


@dataclass(frozen=True, slots=True)
class UploadRequestView:
    """A link for sending in a list."""

    id: str
    href: str
    address: str
    alternate_urls: list[AlternateUrl]
    label: str
    files: int
    max_files: int | None
    max_size_text: str | None
    state: str
    created_text: str
    expires_iso: str | None


def upload_request_view(drop: UploadRequest, now_ms: int, base: LinkBase) -> UploadRequestView:
    """A link for sending whose whole address begins with `base`."""
    return UploadRequestView(
        id=drop.public_id,
        href=DROPS + drop.public_id,
        address=base.url(DROPS + drop.public_id),
        alternate_urls=base.alternate_urls(DROPS + drop.public_id),
        label=drop.label,
        files=drop.files,
        max_files=drop.max_files,
        max_size_text=None if drop.max_bytes is None else size_text(drop.max_bytes),
        state=drop.state(now_ms).value,
        created_text=age_text(drop.created_at_ms, now_ms),
        expires_iso=None if drop.expires_at_ms is None else time_iso(drop.expires_at_ms),
    )
