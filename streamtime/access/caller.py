"""Who is asking. It knows nothing of how they proved it."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What an account is for."""

    ADMIN = "admin"
    MEMBER = "member"


class Proof(StrEnum):
    """How a caller proved who they are: a cookie is sent by browsers unasked, a bearer token never is."""

    NONE = "none"
    COOKIE = "cookie"
    BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks for something: an account, or nobody we know (`user_id` is None)."""

    user_id: int | None = None
    name: str = ""
    role: Role = Role.MEMBER
    proof: Proof = Proof.NONE
    proof_id: int = 0
    """The id of the session or token that proved it; 0 for nobody."""

    @property
    def signed_in(self) -> bool:
        """Whether this is an account we know."""
        return self.user_id is not None

    @property
    def is_admin(self) -> bool:
        """Whether this is an account that runs the server."""
        return self.signed_in and self.role is Role.ADMIN


ANONYMOUS = Caller()
