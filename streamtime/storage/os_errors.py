"""What the operating system's refusals mean to a caller of a store. It alone knows error numbers."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from streamtime.errors import Invalid, NoSpace, NotFound, Unavailable

STORAGE = "storage"
"""The code of an `Unavailable` that comes from a store."""

DISK_FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_ACCESS_ERRNOS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
_NOT_A_FILE_ERRNOS = frozenset({errno.ENOTDIR, errno.EISDIR, errno.ENOTEMPTY})


def unavailable(message: str) -> Unavailable:
    """The store cannot do it now; the message is for people."""
    return Unavailable(message, code=STORAGE)


def require_folder(root: Path) -> None:
    """Look whether the folder of a store is there. Its own name alone is told: the path is nobody's business.

    Raises:
        Unavailable: it was removed, or its disk is not mounted.
    """
    if not root.parent.is_dir():
        raise unavailable(f"The folder {root.parent.name}, which holds {root.name}, is not there.")
    if not root.is_dir():
        raise unavailable(f"The folder {root.name} of the data directory is not there.")


@contextmanager
def translate_os_errors(key: str, below: Path | None = None) -> Iterator[None]:
    """Turn an OSError about `key` into an error of the tree; `below` is the folder that holds all keys.

    Raises:
        NotFound: no such file, in a folder that is there.
        NoSpace: the disk, the quota or the file system's limit for one file is reached.
        Invalid: the key is a folder of other keys, or passes through an object.
        Unavailable: for every other refusal, with the system's own words.
    """
    try:
        yield
    except FileNotFoundError as error:
        if below is not None:
            require_folder(below)
        raise NotFound from error
    except OSError as error:
        if error.errno in _NOT_A_FILE_ERRNOS and below is not None:
            require_folder(below)  # a file may lie in its place
        if error.errno in _NO_ACCESS_ERRNOS and below is not None:
            raise unavailable(f"The folder {below.name} of the data directory refuses: {error.strerror}.") from error
        if error.errno in DISK_FULL_ERRNOS:
            raise NoSpace("The disk of the video store is full.") from error
        if error.errno in _NOT_A_FILE_ERRNOS:
            raise Invalid(f"{key!r} and the key of another object contain each other.", field="key") from error
        raise unavailable(f"The disk of the video store refused: {error.strerror or error}.") from error
