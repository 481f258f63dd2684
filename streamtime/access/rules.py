"""The rules of who may do what to a video: one pure function that every door asks."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from streamtime.access.caller import Caller
from streamtime.errors import Forbidden, NotFound


class Visibility(StrEnum):
    """Who may watch a video besides its owner."""

    PRIVATE = "private"
    MEMBERS = "members"
    UNLISTED = "unlisted"
    PUBLIC = "public"


class Access(IntEnum):
    """What a caller may do, each including the ones before."""

    NONE = 0
    VIEW = 1
    MANAGE = 2


@dataclass(frozen=True, slots=True)
class VideoFacts:
    """All that a decision needs to know about a video."""

    owner_id: int
    visibility: Visibility
    deleted: bool


def decide(caller: Caller, video: VideoFacts) -> Access:
    """What `caller` may do with `video`. A deleted one is nobody's, an admin may manage all others."""
    if video.deleted:
        return Access.NONE
    if caller.signed_in and (caller.user_id == video.owner_id or caller.is_admin):
        return Access.MANAGE
    if video.visibility in {Visibility.PUBLIC, Visibility.UNLISTED}:
        return Access.VIEW
    if video.visibility is Visibility.MEMBERS and caller.signed_in:
        return Access.VIEW
    return Access.NONE


def may_undo(caller: Caller, video: VideoFacts) -> bool:
    """Whether `caller` may bring a deleted video back, or let it go for good: its owner, and an admin."""
    return caller.signed_in and (caller.user_id == video.owner_id or caller.is_admin)


def require(caller: Caller, video: VideoFacts, wanted: Access) -> None:
    """Let pass, or raise.

    Raises:
        NotFound: the caller may not know that the video exists.
        Forbidden: the caller sees it, but may not do this.
    """
    granted = decide(caller, video)
    if granted is Access.NONE:
        raise NotFound
    if granted < wanted:
        raise Forbidden("Only the owner of this video can do that.")
