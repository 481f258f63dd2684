"""Access rules: who is asking (`Caller`) and what they may do with a video or a profile. Pure functions without I/O."""

from dataclasses import dataclass
from enum import Enum, IntEnum, StrEnum

from streamtime.auth.preferences import DEFAULTS, Preferences
from streamtime.errors import Forbidden, NotFound


class Role(StrEnum):
    """The role of an account. A viewer watches what is shared with members and has no videos of their own."""

    ADMIN = "admin"
    MEMBER = "member"
    VIEWER = "viewer"


class AuthMethod(StrEnum):
    """How a caller was authenticated. Browsers send cookies with every request; the others are never sent unasked."""

    NONE = "none"
    COOKIE = "cookie"
    BEARER = "bearer"
    """An API token."""
    ACCESS = "access"
    """A short-lived access token of a client's session."""
    TICKET = "ticket"
    """A ticket in a media URL, for one video."""


class TokenScope(StrEnum):
    """What an API token may do with its account's rights; each scope includes the ones before."""

    FEED = "feed"
    """Only feeds and the media in them. Such a token is part of the feed's address, so other people see it."""
    READ = "read"
    UPLOAD = "upload"
    """Upload videos, and change one's own."""
    ADMIN = "admin"
    """Everything that the account may do."""

    def covers(self, required: "TokenScope") -> bool:
        """Return whether this scope includes the required one."""
        order = list(TokenScope)
        return order.index(self) >= order.index(required)


class AnonymousAccess(Enum):
    """What visitors without an account may see."""

    PUBLIC = "public"
    """Public videos, and unlisted ones with their link."""
    NOTHING = "nothing"
    """Nothing: the server is for its accounts only."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who makes a request: an account, or an anonymous visitor (`user_id` is None)."""

    user_id: int | None = None
    name: str = ""
    shown_name: str = ""
    """The display name, or the name if there is none."""
    public_id: str = ""
    picture_version: int = 0
    """0 if there is no picture."""
    role: Role = Role.MEMBER
    auth_method: AuthMethod = AuthMethod.NONE
    credential_id: int = 0
    """The row id of the session, token or link; 0 for anonymous."""
    scope: TokenScope = TokenScope.ADMIN
    anonymous_access: AnonymousAccess = AnonymousAccess.PUBLIC
    """What the caller may see if they are anonymous; without effect for an account."""
    only_video: str | None = None
    """The public id of the video that a ticket is limited to; the caller may at most watch it."""
    granted: bool = False
    """Whether the ticket itself allows watching the video, as one from a share link does."""
    preferences: Preferences = DEFAULTS

    @property
    def signed_in(self) -> bool:
        """Whether the caller is an account."""
        return self.user_id is not None

    @property
    def is_admin(self) -> bool:
        """Whether the caller is an administrator with full scope."""
        return (
            self.signed_in and self.role is Role.ADMIN and self.has_scope(TokenScope.ADMIN) and self.only_video is None
        )

    @property
    def may_upload(self) -> bool:
        """Whether the caller may have videos of their own and upload."""
        return (
            self.signed_in
            and self.role is not Role.VIEWER
            and self.has_scope(TokenScope.UPLOAD)
            and self.only_video is None
        )

    def has_scope(self, scope: TokenScope) -> bool:
        """Return whether the caller's credential has that scope."""
        return self.scope.covers(scope)


ANONYMOUS = Caller()


class Visibility(StrEnum):
    """Who may watch a video besides its owner."""

    PRIVATE = "private"
    MEMBERS = "members"
    UNLISTED = "unlisted"
    PUBLIC = "public"


VISIBLE_TO_ANONYMOUS = frozenset({Visibility.PUBLIC, Visibility.UNLISTED})
"""Visibilities that anonymous visitors may watch, if they may watch anything."""


class Access(IntEnum):
    """What a caller may do with a video; each level includes the ones before."""

    NONE = 0
    VIEW = 1
    MANAGE = 2


@dataclass(frozen=True, slots=True)
class VideoAccessFacts:
    """The facts about a video, or about a playlist, that access decisions need."""

    public_id: str
    owner_id: int
    visibility: Visibility
    deleted: bool
    viewers: frozenset[int] = frozenset()
    """Row ids of the accounts that it is shared with, directly or through a group."""


def access_level(caller: Caller, video: VideoAccessFacts) -> Access:
    """Return what `caller` may do with `video`. Nobody may access a deleted video; an admin may manage all others."""
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
    if caller.user_id in video.viewers:
        return Access.VIEW
    return Access.VIEW if video.visibility in watchable_visibilities(caller) else Access.NONE


def may_view_profile(caller: Caller, *, shows_something: bool) -> bool:
    """Return whether `caller` may see a person's name and picture.

    `shows_something` says whether anonymous visitors may watch one of their videos, which names its owner.
    """
    if caller.only_video is not None:
        return False
    return caller.signed_in or (caller.anonymous_access is AnonymousAccess.PUBLIC and shows_something)


def watchable_visibilities(caller: Caller) -> frozenset[Visibility]:
    """Return which videos of others an account or an anonymous visitor may watch with their URL."""
    if caller.signed_in:
        return VISIBLE_TO_ANONYMOUS | {Visibility.MEMBERS}
    return frozenset() if caller.anonymous_access is AnonymousAccess.NOTHING else VISIBLE_TO_ANONYMOUS


def listed_visibilities(caller: Caller) -> tuple[Visibility, ...]:
    """Return which videos of others appear in lists for `caller`. Unlisted ones appear in none."""
    if caller.only_video is not None or (not caller.signed_in and caller.anonymous_access is AnonymousAccess.NOTHING):
        return ()
    return (Visibility.PUBLIC, Visibility.MEMBERS) if caller.signed_in else (Visibility.PUBLIC,)


def may_restore(caller: Caller, video: VideoAccessFacts) -> bool:
    """Return whether `caller` may restore a deleted video or delete it permanently: its owner and admins."""
    return caller.only_video is None and caller.signed_in and (caller.user_id == video.owner_id or caller.is_admin)


def require(caller: Caller, video: VideoAccessFacts, required: Access, *, what: str = "video") -> None:
    """Return if the caller has the required access.

    Raises:
        NotFound: the caller may not know that the video exists.
        Forbidden: the caller may see the video, but not do this.
    """
    granted = access_level(caller, video)
    if granted is Access.NONE:
        raise NotFound(reason="no_access")
    if granted < required:
        raise Forbidden(f"Only the owner of this {what} can do that.")
