"""Who is asking. It knows nothing of how they proved it."""

from dataclasses import dataclass
from enum import Enum, StrEnum


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
