"""Every error that a person or a program may be told about, as one tree.

    StreamtimeError
    ├── NotFound            it does not exist, or the caller may not know that it does
    ├── Unauthenticated     nobody we know is asking
    │   ├── CodeNeeded      the password is right, and the account has a second factor
    │   └── WrongCode       that was no code of it, or one that was used
    ├── Forbidden           known, visible, but not allowed
    ├── Invalid             the request cannot be understood or breaks a rule
    │   └── ChecksumMismatch  bytes were changed on their way
    ├── Conflict            it cannot be done in the present state
    │   ├── Locked          somebody else is at it just now
    │   └── OffsetMismatch  an upload continues somewhere else
    ├── TooLarge            over a limit that the answer names
    ├── NoSpace             the disk is full or nearly so
    ├── TooMany             too often; try again later
    ├── Unavailable         a part is busy or away; try again later
    │   └── DatabaseDamaged  the database is damaged: the message names the newest copy of it
    ├── Damaged             what is stored is not what its row says
    ├── ConfigError         the configuration cannot be used
    └── MediaError          a file cannot be played, and why

It knows nothing of HTTP: `http/problems.py` alone maps these to statuses. `code` is for programs and stays the
same; `message` is for people and may be improved.
"""

from collections.abc import Mapping


class StreamtimeError(Exception):
    """The root. `code` names the kind of trouble for programs, `message` tells it to people."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        if code is not None:
            self.code = code


class NotFound(StreamtimeError):
    """It does not exist, or the caller may not know that it does: the two look alike on purpose."""

    code = "not_found"

    def __init__(self, message: str = "There is nothing here, or it is not for you.") -> None:
        super().__init__(message)


class Unauthenticated(StreamtimeError):
    """Nobody we know is asking."""

    code = "unauthenticated"


class SecondFactorRequired(Unauthenticated):
    """The password is right, and the account asks for a code of its second factor too."""

    code = "otp_needed"

    def __init__(self) -> None:
        super().__init__("This account has a second factor: a code is needed too.")


class WrongCode(Unauthenticated):
    """No code of that second factor, or one that was used already."""

    code = "wrong_code"

    def __init__(self) -> None:
        super().__init__("That code is wrong, or was used already. Try the next one.")


class Forbidden(StreamtimeError):
    """The caller may see it but not do this to it."""

    code = "forbidden"


class Invalid(StreamtimeError):
    """The request cannot be understood or breaks a rule; `field` names the part at fault, where there is one."""

    code = "invalid"

    def __init__(self, message: str, *, field: str | None = None, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.field = field


class Conflict(StreamtimeError):
    """It cannot be done in the present state of the thing."""

    code = "conflict"


class Locked(Conflict):
    """Somebody else is at it just now; the same request may succeed in a moment."""

    code = "locked"


class OffsetMismatch(Conflict):
    """An upload was continued at another offset than the one it has."""

    code = "offset_mismatch"

    def __init__(self, expected: int) -> None:
        super().__init__(f"The upload continues at byte {expected}.")
        self.expected = expected


class TooLarge(StreamtimeError):
    """Over a limit that the message names; `facts` are the same numbers for programs, in bytes."""

    code = "too_large"

    def __init__(self, message: str, *, facts: Mapping[str, int] | None = None) -> None:
        super().__init__(message)
        self.facts = facts or {}


class NoSpace(StreamtimeError):
    """The disk is full or nearly so; nothing that was acknowledged is lost. `facts` are numbers of bytes."""

    code = "no_space"

    def __init__(self, message: str, *, code: str | None = None, facts: Mapping[str, int] | None = None) -> None:
        super().__init__(message, code=code)
        self.facts = facts or {}


class ChecksumMismatch(Invalid):
    """What arrived is not what was announced: none of it is kept."""

    code = "checksum_mismatch"


class TooManyRequests(StreamtimeError):
    """Asked too often."""

    code = "too_many"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Unavailable(StreamtimeError):
    """A part of the server is busy or away; the same request may succeed later."""

    code = "unavailable"

    def __init__(self, message: str, *, retry_after_s: int = 5, code: str | None = None) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class ObjectDamaged(StreamtimeError):
    """What is stored is shorter or longer than it was when it was written: asking again does not help."""

    code = "damaged"

    def __init__(self, message: str = "What the server has stored of this is damaged.") -> None:
        super().__init__(message)


class DatabaseDamaged(Unavailable):
    """The database, or a copy of it, is damaged; the message says what to do.

    `here` says the same with whole paths, for whoever sits at the machine.
    """

    code = "database_damaged"

    def __init__(self, message: str, *, message_with_paths: str = "") -> None:
        super().__init__(message, retry_after_s=60)
        self.message_with_paths = message_with_paths or message


class ConfigError(StreamtimeError):
    """The configuration cannot be used; the message names the key and what would do."""

    code = "config"


class MediaError(StreamtimeError):
    """A file cannot be made playable. The message is shown to its owner as it is."""

    code = "media"
