"""System calls and `prctl` through the C library, for what Python has no function for."""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)


def syscall(number: int, *arguments: object) -> int:
    """Make a system call by number and return its result. Integers are passed as longs, other arguments unchanged.

    Raises:
        OSError: if the kernel refuses.
    """
    result: int = _libc.syscall(ctypes.c_long(number), *_as_longs(arguments))
    return _checked(result)


def prctl(option: int, *values: object) -> None:
    """Set one property of this process (`prctl`).

    Raises:
        OSError: if the kernel refuses.
    """
    _checked(_libc.prctl(option, *_as_longs((*values, 0, 0, 0, 0)[:4])))


def _as_longs(arguments: tuple[object, ...]) -> list[object]:
    # A value passed as a C int leaves the upper half of its register undefined.
    return [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
