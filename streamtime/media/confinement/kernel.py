"""System calls and `prctl` through the C library, for what Python has no function for."""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)


def syscall(number: int, *arguments: object) -> int:
    """Make a system call by number and return its result. Integers are passed as longs, other arguments unchanged.

    Raises:
        OSError: if the kernel refuses.
    """
    answer: int = _libc.syscall(ctypes.c_long(number), *_wide(arguments))
    return _checked(answer)


def prctl(option: int, *values: object) -> None:
    """Set one property of this process (`prctl`).

    Raises:
        OSError: if the kernel refuses.
    """
    _checked(_libc.prctl(option, *_wide((*values, 0, 0, 0, 0)[:4])))


def _wide(arguments: tuple[object, ...]) -> list[object]:
    # A value passed as a C int leaves the upper half of its register undefined.
    return [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]


def _checked(answer: int) -> int:
    if answer < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return answer
