"""The rules of who may do what to a video: one pure function that every door asks.

Who is asking. It knows nothing of how they proved it.
"""

from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum

from streamtime.errors import Forbidden, NotFound


class Role(StrEnum):
    """What an account is for. A viewer watches what is shared with members and has no videos of their own."""

    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


class AuthMethod(StrEnum):
    """How a caller proved who they are: a cookie is sent by browsers unasked, all else never is."""

    NONE = "none"
    COOKIE = "cookie"
    BEARER = "bearer"
    """An API token."""
    ACCESS = "access"
    """A short-lived access token of a client's session."""
    TICKET = "ticket"
    """A ticket in an address, for one video."""


class TokenScope(StrEnum):
    """How much of what an account may do its token may, each including the ones before."""

    READ = "read"
    UPLOAD = "upload"
    """Send videos, and change one's own."""
    ADMIN = "admin"
    """All that the account may."""

    def covers(self, wanted: "TokenScope") -> bool:
        """Whether this one is as wide as that one."""
        order = list(TokenScope)
        return order.index(self) >= order.index(wanted)


class AnonymousAccess(Enum):
    """How far somebody without an account may look."""

    PUBLIC = "public"
    """At what is public, and at what is unlisted and they know the address of."""
    NOTHING = "nothing"
    """At nothing, on a server that is for its own people alone."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks for something: an account, or nobody we know (`user_id` is None)."""

    user_id: int | None = None
    name: str = ""
    shown_name: str = ""
    """What others read."""
    public_id: str = ""
    picture_version: int = 0
    """0 without a picture."""
    role: Role = Role.MEMBER
    auth_method: AuthMethod = AuthMethod.NONE
    credential_id: int = 0
    """The id of the session or token that proved it; 0 for nobody."""
    scope: TokenScope = TokenScope.ADMIN
    anonymous_access: AnonymousAccess = AnonymousAccess.PUBLIC
    """Of one without an account; an account's does not matter."""
    only_video: str | None = None
    """The public id of the one video that a ticket is for: they may watch it at most, and nothing else."""
    granted: bool = False
    """Whether that ticket lets them watch it whoever they are, as one from a share link does."""

    @property
    def signed_in(self) -> bool:
        """Whether this is an account we know."""
        return self.user_id is not None

    @property
    def is_admin(self) -> bool:
        """Whether this is an account that runs the server, and says so with all its rights."""
        return (
            self.signed_in and self.role is Role.ADMIN and self.has_scope(TokenScope.ADMIN) and self.only_video is None
        )

    @property
    def may_upload(self) -> bool:
        """Whether this is an account that has videos of its own."""
        return (
            self.signed_in
            and self.role is not Role.VIEWER
            and self.has_scope(TokenScope.UPLOAD)
            and self.only_video is None
        )

    def has_scope(self, scope: TokenScope) -> bool:
        """Whether what they proved themselves with is good for that."""
        return self.scope.covers(scope)


ANONYMOUS = Caller()


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
