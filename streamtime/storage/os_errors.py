"""What the operating system's refusals mean to a caller of a store. It alone knows error numbers."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from streamtime.errors import Invalid, NoSpace, NotFound, Unavailable

STORAGE = "storage"
"""The code of an `Unavailable` that comes from a store."""

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_FOLDER = frozenset({errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY})


def unavailable(message: str) -> Unavailable:
    """The store cannot do it now; the message is for people."""
    return Unavailable(message, code=STORAGE)


@contextmanager
def translated(key: str) -> Iterator[None]:
    """Turn an OSError about `key` into an error of the tree.

    Raises:
        NotFound: no such file.
        NoSpace: the disk, the quota or the file system's limit for one file is reached.
        Invalid: the key is a folder of other keys, or passes through an object.
        Unavailable: for every other refusal, with the system's own words.
    """
    try:
        yield
    except FileNotFoundError as error:
        raise NotFound from error
    except OSError as error:
        if error.errno in FULL:
            raise NoSpace("The disk of the video store is full.") from error
        if error.errno in _FOLDER:
            raise Invalid(f"{key!r} and the key of another object contain each other.", field="key") from error
        raise unavailable(f"The disk of the video store refused: {error.strerror or error}.") from error
