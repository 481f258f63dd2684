"""The rules: which caller gets which answer. Written by hand, independent of the code under test."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

State = str
"""A visibility, or a state: private, members, unlisted, public; processing, failed and deleted ones were public."""

STATES: tuple[State, ...] = ("private", "members", "unlisted", "public", "processing", "failed", "deleted")

Who = str
SHARED_WITH: tuple[Who, ...] = ("named", "in a group", "removed from the group")
"""Members. All videos and playlists of the owner are shared with the first, and with a group that the second is in and
the third was in. Their answers to routes about a video are tried."""

SEES_SHARED = frozenset({"named", "in a group"})

ACCOUNTS: tuple[Who, ...] = ("stranger", "member", "owner", "admin", "token of another", *SHARED_WITH)
TICKETS: tuple[Who, ...] = (
    "session ticket",
    "admin ticket",
    "token ticket",
    "link ticket",
    "ticket to another",
    "expired ticket",
    "revoked ticket",
    "revoked link ticket",
)
"""Callers with a ticket and nothing else.

The session and the token are a member's. The ticket to another is valid, but for another video. The expired and the
revoked one were the owner's.
"""

CALLERS: tuple[Who, ...] = ("anonymous", *ACCOUNTS, "revoked session", *TICKETS)
"""The stranger has the role viewer. The token of another is a member's, with the scope read."""

LINKED: tuple[State, ...] = ("private", "processing", "deleted")
"""The videos of the share link behind the link tickets."""

MANAGERS = frozenset({"owner", "admin"})


class Verdict(Enum):
    """How a route answers."""

    ALLOWED = "allowed"
    SIGN_IN = "sign-in required"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"


ALLOWED, SIGN_IN, FORBIDDEN, NOT_FOUND = Verdict.ALLOWED, Verdict.SIGN_IN, Verdict.FORBIDDEN, Verdict.NOT_FOUND


def signed_in(who: Who) -> bool:
    return who in ACCOUNTS


def sees(who: Who, state: State) -> bool:
    """Whether the caller can watch a video in this state."""
    if state == "deleted":
        return False
    if who in MANAGERS or who in SEES_SHARED or state in {"unlisted", "public", "processing", "failed"}:
        return True
    return state == "members" and signed_in(who)


def everyone(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    return ALLOWED


def can_watch(who: Who, state: State) -> Verdict:
    return ALLOWED if sees(who, state) else NOT_FOUND


def own_watching(who: Who, state: State) -> Verdict:
    """The own position in a video, and the own playlists for it."""
    return can_watch(who, state) if signed_in(who) else SIGN_IN


def can_manage(who: Who, state: State) -> Verdict:
    if who in MANAGERS and state != "deleted":
        return ALLOWED
    return FORBIDDEN if sees(who, state) else NOT_FOUND


def owner_alone(who: Who, state: State) -> Verdict:
    """For what not even an admin may do with another's playlist."""
    return FORBIDDEN if who == "admin" and state != "deleted" else can_manage(who, state)


def can_manage_or_404(who: Who, state: State) -> Verdict:
    """404 instead of 403 for callers who cannot manage the video."""
    return ALLOWED if who in MANAGERS and state != "deleted" else NOT_FOUND


def can_restore(who: Who, state: State) -> Verdict:
    """For a video in the trash."""
    if not signed_in(who):
        return SIGN_IN
    return ALLOWED if who in MANAGERS and state == "deleted" else NOT_FOUND


def can_restore_or_404(who: Who, state: State) -> Verdict:
    return ALLOWED if who in MANAGERS and state == "deleted" else NOT_FOUND


def account_required(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    return ALLOWED if signed_in(who) else SIGN_IN


def profile_visible(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    """The profile of a user without public videos: 404 for anonymous callers."""
    return ALLOWED if signed_in(who) else NOT_FOUND


def library_required(who: Who, state: State) -> Verdict:
    """Not for viewers, whatever their scope is."""
    return FORBIDDEN if who == "stranger" else account_required(who, state)


def upload_scope(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    if not signed_in(who):
        return SIGN_IN
    return FORBIDDEN if who in {"stranger", "token of another"} else ALLOWED


def own_upload(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    """An upload of the owner: not even an admin can resume an upload of another account."""
    return ALLOWED if who == "owner" else NOT_FOUND


def own_resource(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    """A link, token or session of the owner: not even an admin reaches it on the pages of an account."""
    if not signed_in(who):
        return SIGN_IN
    return ALLOWED if who == "owner" else NOT_FOUND


def own_group(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    """A group of the owner, which admins reach too."""
    if not signed_in(who):
        return SIGN_IN
    return ALLOWED if who in MANAGERS else NOT_FOUND


def own_archive(who: Who, state: State) -> Verdict:
    """An archive of originals: 404 for videos that the caller cannot manage."""
    return can_manage_or_404(who, state) if signed_in(who) else SIGN_IN


def full_scope_required(who: Who, state: State) -> Verdict:
    """Managing access needs credentials with full scope."""
    return FORBIDDEN if who == "token of another" else account_required(who, state)


def by_ticket(who: Who, state: State) -> Verdict:
    """Only the ticket counts: callers without their own present an expired one of the owner."""
    if state == "deleted":
        return NOT_FOUND
    if who == "link ticket":
        return ALLOWED if state in LINKED else NOT_FOUND
    # A ticket of an admin allows what members can watch.
    return ALLOWED if who in {"session ticket", "admin ticket", "token ticket"} and sees("member", state) else NOT_FOUND


def embedded(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    """Embedded players are anonymous."""
    return can_watch("anonymous", state)


def admin_or_404(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    return ALLOWED if who == "admin" else NOT_FOUND


def admin_or_403(who: Who, state: State) -> Verdict:
    """403 instead of 404 for other users."""
    if who == "admin":
        return ALLOWED
    return FORBIDDEN if signed_in(who) else account_required(who, state)


def credentials_rejected(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    """The credentials in the request are wrong."""
    return SIGN_IN


Rule = Callable[[Who, State], Verdict]


@dataclass(frozen=True)
class RouteRule:
    """The rule of one route.

    `body`: arguments of a valid request. `exists_in`: states in which the resource exists. `consumes`: an allowed
    request changes the video, so it gets one of its own. `ends_session`: tried only by callers without a session.
    """

    rule: Rule
    body: dict[str, Any] | None = None
    exists_in: tuple[State, ...] = STATES
    consumes: bool = False
    ends_session: bool = False

    def expects(self, who: Who, state: State, method: str) -> Verdict:
        """The expected answer."""
        if who in TICKETS and self.rule is not by_ticket:
            return NOT_FOUND  # a ticket is valid for media only
        if who == "token of another" and method not in {"GET", "HEAD"}:
            return FORBIDDEN  # its scope is read
        verdict = self.rule(who, state)
        return NOT_FOUND if verdict is ALLOWED and state not in self.exists_in else verdict

    def states(self, who: Who) -> tuple[State, ...]:
        """The states to try: one if they do not matter. Tickets are valid for no page, whatever the state."""
        if who in SHARED_WITH:
            return ("private", "members", "deleted") if self.about_a_video else ()
        matters = self.about_a_video and (who not in TICKETS or self.rule is by_ticket)
        return STATES if matters else ("public",)

    def replaceable(self, state: State) -> bool:
        """Whether another video in this state can be created for a request that consumes it."""
        return self.about_a_video and state in {"private", "members", "unlisted", "public", "deleted"}

    @property
    def about_a_video(self) -> bool:
        """Whether the state of the video matters."""
        return self.rule in {
            can_watch,
            embedded,
            can_manage,
            owner_alone,
            can_manage_or_404,
            own_archive,
            can_restore,
            can_restore_or_404,
            by_ticket,
        }
