"""Bounds on what the child may use up (`setrlimit`). Every kernel has this layer.

There is none on CPU time: a long film takes hours of it honestly. That something stands still, or takes longer
than all limits, is the server's to see.
"""

import os
import resource

_GIB = 1 << 30

_MAX_DESCRIPTORS = 128
"""Those of an order (64), the source, the socket, and room."""

_SOURCE_TIMES = 16
_MIN_FILE_BYTES = 16 * _GIB
"""A rendition may well be larger than its source, but not without bound: a child gone wild must not fill the disk."""


def address_space(memory_bytes: int) -> int:
    """How much address space goes with a bound on resident memory.

    Measured with x264: threads reserve arenas that they never touch, three to six times what they use at small
    sizes, less than twice at large ones.
    """
    return 2 * memory_bytes + _GIB


def set_limits(source: int, memory_bytes: int) -> None:
    """Set them all, for good.

    Raises:
        OSError, ValueError: if the system refuses.
    """
    longest = max(_MIN_FILE_BYTES, _SOURCE_TIMES * os.fstat(source).st_size)
    for kind, most in (
        (resource.RLIMIT_AS, address_space(memory_bytes)),
        (resource.RLIMIT_FSIZE, longest),
        (resource.RLIMIT_NOFILE, _MAX_DESCRIPTORS),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        _lower(kind, most)


def _lower(kind: int, most: int) -> None:
    _soft, hard = resource.getrlimit(kind)
    # What somebody has set lower outside holds: raising it is not ours, nor allowed.
    bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (bound, bound))
