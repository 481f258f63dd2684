"""The table of rules: for every route, whom it lets in. It is written by hand, apart from the code that it judges."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

State = str
"""What a video is like: private, members, unlisted, public; processing, failed and deleted ones were public."""

STATES: tuple[State, ...] = ("private", "members", "unlisted", "public", "processing", "failed", "deleted")

Who = str
ACCOUNTS: tuple[Who, ...] = ("stranger", "member", "owner", "admin", "token of another")
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
"""Those who bring a ticket and nothing else.

Those of session and token are a member's. The one to another is good, for another video. The expired and the revoked
one were the owner's.
"""

CALLERS: tuple[Who, ...] = ("anonymous", *ACCOUNTS, "revoked session", *TICKETS)
"""A stranger is a viewer. The token of another is a member's for reading."""

LINKED: tuple[State, ...] = ("private", "processing", "deleted")
"""What the share link shows that the link tickets stand on."""

MANAGERS = frozenset({"owner", "admin"})


class Verdict(Enum):
    """How a door answers."""

    IN = "lets in"
    SIGN_IN = "asks to sign in"
    FORBIDDEN = "forbids"
    NOTHING = "says that there is nothing"


IN, SIGN_IN, FORBIDDEN, NOTHING = Verdict.IN, Verdict.SIGN_IN, Verdict.FORBIDDEN, Verdict.NOTHING


def signed_in(who: Who) -> bool:
    return who in ACCOUNTS


def sees(who: Who, state: State) -> bool:
    """Whether somebody may watch such a video."""
    if state == "deleted":
        return False
    if who in MANAGERS or state in {"unlisted", "public", "processing", "failed"}:
        return True
    return state == "members" and signed_in(who)


def anybody(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    return IN


def viewing(who: Who, state: State) -> Verdict:
    return IN if sees(who, state) else NOTHING


def managing(who: Who, state: State) -> Verdict:
    if who in MANAGERS and state != "deleted":
        return IN
    return FORBIDDEN if sees(who, state) else NOTHING


def managing_unseen(who: Who, state: State) -> Verdict:
    """Who may not manage is not told that there is anything."""
    return IN if who in MANAGERS and state != "deleted" else NOTHING


def undoing(who: Who, state: State) -> Verdict:
    """In the bin."""
    if not signed_in(who):
        return SIGN_IN
    return IN if who in MANAGERS and state == "deleted" else NOTHING


def undoing_unseen(who: Who, state: State) -> Verdict:
    return IN if who in MANAGERS and state == "deleted" else NOTHING


def with_account(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    return IN if signed_in(who) else SIGN_IN


def knowing(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    """Somebody who shows strangers nothing: they are not told that there is such a person."""
    return IN if signed_in(who) else NOTHING


def having_videos(who: Who, state: State) -> Verdict:
    """Not a viewer, whatever their scope is."""
    return FORBIDDEN if who == "stranger" else with_account(who, state)


def uploading(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    if not signed_in(who):
        return SIGN_IN
    return IN if who in {"member", "owner", "admin"} else FORBIDDEN


def own_upload(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    """Of the owner's: not even an admin goes on with what somebody else sends."""
    return IN if who == "owner" else NOTHING


def own_thing(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    """A link, a token, a session of the owner's: not even an admin reaches it where people look after their own."""
    if not signed_in(who):
        return SIGN_IN
    return IN if who == "owner" else NOTHING


def managing_access(who: Who, state: State) -> Verdict:
    """Tokens are for those who may do everything with what they have proved themselves with."""
    return FORBIDDEN if who == "token of another" else with_account(who, state)


def by_ticket(who: Who, state: State) -> Verdict:
    """Whatever a caller has beside the ticket: everybody else here comes with the owner's, which is over."""
    if state == "deleted":
        return NOTHING
    if who == "link ticket":
        return IN if state in LINKED else NOTHING
    # An admin's is for watching what members watch.
    return IN if who in {"session ticket", "admin ticket", "token ticket"} and sees("member", state) else NOTHING


def framing(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    """In a frame everybody is nobody."""
    return viewing("anonymous", state)


def administering(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    return IN if who == "admin" else NOTHING


def administering_told(who: Who, state: State) -> Verdict:
    """Others are told that it is there."""
    if who == "admin":
        return IN
    return FORBIDDEN if signed_in(who) else with_account(who, state)


def proving(who: Who, state: State) -> Verdict:  # noqa: ARG001  # a rule like the others
    """Whoever comes with a wrong password."""
    return SIGN_IN


Rule = Callable[[Who, State], Verdict]


@dataclass(frozen=True)
class RouteRule:
    """What one route is for.

    `body` is what a request with a good one brings, `having` the states in which what it leads to exists at all; one
    that `spends` what it is let in to is asked about a video made for it; one that `ends` the session only by those who
    have none.
    """

    rule: Rule
    body: dict[str, Any] | None = None
    having: tuple[State, ...] = STATES
    spends: bool = False
    ends: bool = False

    def expects(self, who: Who, state: State, method: str) -> Verdict:
        """How it has to answer."""
        if who in TICKETS and self.rule is not by_ticket:
            return NOTHING  # a ticket is for media
        if who == "token of another" and method not in {"GET", "HEAD"}:
            return FORBIDDEN  # it is for reading, whatever is there
        verdict = self.rule(who, state)
        return NOTHING if verdict is IN and state not in self.having else verdict

    def states(self, who: Who) -> tuple[State, ...]:
        """Which are asked about: one where it does not matter. A ticket opens no pages, whatever they are about."""
        matters = self.about_a_video and (who not in TICKETS or self.rule is by_ticket)
        return STATES if matters else ("public",)

    def replaceable(self, state: State) -> bool:
        """Whether a thing like the one behind it can be made for a request that spends it."""
        return self.about_a_video and state in {"private", "members", "unlisted", "public", "deleted"}

    @property
    def about_a_video(self) -> bool:
        """Whether it matters which one is asked about."""
        return self.rule in {viewing, framing, managing, managing_unseen, undoing, undoing_unseen, by_ticket}
