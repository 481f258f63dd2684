"""The rules of who may do what to a video: one pure function that every door asks."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from streamtime.access.caller import AnonymousAccess, Caller
from streamtime.errors import Forbidden, NotFound


class Visibility(StrEnum):
    """Who may watch a video besides its owner."""

    PRIVATE = "private"
    MEMBERS = "members"
    UNLISTED = "unlisted"
    PUBLIC = "public"


VISIBLE_TO_ANONYMOUS = frozenset({Visibility.PUBLIC, Visibility.UNLISTED})
"""Which videos people without an account may watch, where they may watch any."""


class Access(IntEnum):
    """What a caller may do, each including the ones before."""

    NONE = 0
    VIEW = 1
    MANAGE = 2


@dataclass(frozen=True, slots=True)
class VideoAccessFacts:
    """All that a decision needs to know about a video."""

    public_id: str
    owner_id: int
    visibility: Visibility
    deleted: bool


def access_level(caller: Caller, video: VideoAccessFacts) -> Access:
    """What `caller` may do with `video`. A deleted one is nobody's, an admin may manage all others."""
    if video.deleted:
        return Access.NONE
    if caller.only_video is None:
        return _account_access(caller, video)
    if caller.only_video != video.public_id:
        return Access.NONE
    return Access.VIEW if caller.granted else min(Access.VIEW, _account_access(caller, video))


def _account_access(caller: Caller, video: VideoAccessFacts) -> Access:
    if caller.signed_in and (caller.user_id == video.owner_id or caller.is_admin):
        return Access.MANAGE
    if not caller.signed_in and caller.anonymous_access is AnonymousAccess.NOTHING:
        return Access.NONE
    if video.visibility in VISIBLE_TO_ANONYMOUS:
        return Access.VIEW
    if video.visibility is Visibility.MEMBERS and caller.signed_in:
        return Access.VIEW
    return Access.NONE


def may_view_profile(caller: Caller, *, shows_something: bool) -> bool:
    """Whether `caller` may see the name and the picture of a person.

    `shows_something` says whether strangers may watch a video of theirs, which names its owner.
    """
    if caller.only_video is not None:
        return False
    return caller.signed_in or (caller.anonymous_access is AnonymousAccess.PUBLIC and shows_something)


def listed_visibilities(caller: Caller) -> tuple[Visibility, ...]:
    """Which videos stand in lists that `caller` reads, besides their own. An unlisted one stands in none."""
    if caller.only_video is not None or (not caller.signed_in and caller.anonymous_access is AnonymousAccess.NOTHING):
        return ()
    return (Visibility.PUBLIC, Visibility.MEMBERS) if caller.signed_in else (Visibility.PUBLIC,)


def may_restore(caller: Caller, video: VideoAccessFacts) -> bool:
    """Whether `caller` may bring a deleted video back, or let it go for good: its owner, and an admin."""
    return caller.only_video is None and caller.signed_in and (caller.user_id == video.owner_id or caller.is_admin)


def require(caller: Caller, video: VideoAccessFacts, wanted: Access) -> None:
    """Let pass, or raise.

    Raises:
        NotFound: the caller may not know that the video exists.
        Forbidden: the caller sees it, but may not do this.
    """
    granted = access_level(caller, video)
    if granted is Access.NONE:
        raise NotFound
    if granted < wanted:
        raise Forbidden("Only the owner of this video can do that.")
