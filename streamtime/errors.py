"""All errors that are reported to users and API clients, as one hierarchy.

    StreamtimeError
    ├── NotFound                  it does not exist, or the caller may not know that it does
    ├── Unauthenticated           the caller is not signed in, or the credentials are wrong
    │   ├── SecondFactorRequired  the password is right, and the account has a second factor
    │   └── WrongCode             the code is wrong or was used already
    ├── Forbidden                 visible to the caller, but not allowed
    ├── Invalid                   the request is malformed or breaks a rule
    │   └── ChecksumMismatch      the received bytes differ from the announced checksum
    ├── Conflict                  not possible in the current state
    │   ├── Locked                another request is working on it
    │   └── OffsetMismatch        the upload continues at another offset
    ├── TooLarge                  over a limit that the message names
    ├── NoSpace                   the disk is full or nearly full
    ├── TooManyRequests           rate limited; try again later
    ├── Unavailable               a component is busy or unreachable; try again later
    │   └── DatabaseDamaged       the database is damaged: the message names the newest copy of it
    ├── ObjectDamaged             a stored object differs from its row
    ├── ConfigError               the configuration cannot be used
    └── MediaError                a file cannot be played, and why

The errors have no HTTP status: `http/problems.py` maps them. `code` is stable, for programs; `message` is for people
and may change.
"""

from collections.abc import Mapping


class StreamtimeError(Exception):
    """The base class. `code` identifies the kind of error for programs, `message` explains it to people."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class NotFound(StreamtimeError):
    """It does not exist, or the caller may not know that it does. Both look the same on purpose.

    `reason` tells them apart in the server's log. It never reaches a client.
    """

    code = "not_found"
    reason = ""

    def __init__(self, message: str = "There is nothing here, or it is not for you.", *, reason: str = "") -> None:
        super().__init__(message)
        if reason:
            self.reason = reason


class Unauthenticated(StreamtimeError):
    """The caller is not signed in, or the credentials are wrong."""

    code = "unauthenticated"


class SecondFactorRequired(Unauthenticated):
    """The password is right, and the account also requires a code of its second factor."""

    code = "otp_needed"

    def __init__(self) -> None:
        super().__init__("This account has a second factor: a code is needed too.")


class WrongCode(Unauthenticated):
    """The code of the second factor is wrong or was used already."""

    code = "wrong_code"

    def __init__(self) -> None:
        super().__init__("That code is wrong, or was used already. Try the next one.")


class Forbidden(StreamtimeError):
    """The caller may see the resource but not perform this action."""

    code = "forbidden"


class Invalid(StreamtimeError):
    """The request is malformed or breaks a rule; `field` names the invalid field, if there is one."""

    code = "invalid"

    def __init__(self, message: str, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class Conflict(StreamtimeError):
    """The action is not possible in the current state of the resource."""

    code = "conflict"


class Locked(Conflict):
    """Another request is working on the resource; the same request may succeed in a moment."""

    code = "locked"


class OffsetMismatch(Conflict):
    """A request continued an upload at an offset other than its current one, `expected`."""

    code = "offset_mismatch"

    def __init__(self, expected: int) -> None:
        super().__init__(f"The upload continues at byte {expected}.")
        self.expected = expected


class TooLarge(StreamtimeError):
    """Over a limit that the message names; `facts` has the same numbers for programs, in bytes."""

    code = "too_large"

    def __init__(self, message: str, *, facts: Mapping[str, int] | None = None) -> None:
        super().__init__(message)
        self.facts = facts or {}


class NoSpace(StreamtimeError):
    """The disk is full or nearly full; no acknowledged data is lost. `facts` has numbers in bytes."""

    code = "no_space"

    def __init__(self, message: str, *, code: str | None = None, facts: Mapping[str, int] | None = None) -> None:
        super().__init__(message, code=code)
        self.facts = facts or {}


class ChecksumMismatch(Invalid):
    """The received bytes differ from the announced checksum; none of them are kept."""

    code = "checksum_mismatch"


class TooManyRequests(StreamtimeError):
    """The caller is rate limited."""

    code = "too_many"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(StreamtimeError):
    """A component of the server is busy or unreachable; the same request may succeed later."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after_s: int = 5, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class ObjectDamaged(StreamtimeError):
    """A stored object is shorter or longer than when it was written; a retry does not help."""

    code = "damaged"

    def __init__(self, message: str = "What the server has stored of this is damaged.") -> None:
        super().__init__(message)


class DatabaseDamaged(Unavailable):
    """The database, or a copy of it, is damaged; the message says what to do.

    `message_with_paths` is the same message with full paths, for logs and the command line.
    """

    code = "database_damaged"

    def __init__(self, message: str, *, message_with_paths: str = "") -> None:
        super().__init__(message, retry_after_s=60)
        self.message_with_paths = message_with_paths or message


class ConfigError(StreamtimeError):
    """The configuration cannot be used; the message names the key and what it accepts."""

    code = "config"


class MediaError(StreamtimeError):
    """A file cannot be made playable. The message is shown to its owner as it is."""

    code = "media"
