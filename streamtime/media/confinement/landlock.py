"""Landlock: no file may be opened, made or removed, no TCP used, nobody outside signalled. Descriptors in hand stay.

Kernels have it from 5.13 on (files), 6.7 (TCP), 6.12 (signals, abstract sockets); many NAS kernels do not. It does
not know UDP, nor the reading of a file's size and times: those are refused by seccomp.
"""

import os
import struct

from streamtime.media.confinement.kernel import syscall

_CREATE_RULESET, _RESTRICT_SELF = 444, 446
"""The same on every architecture."""

_ASK_VERSION = 1
_RULESET = struct.Struct("=QQQ")

_FILES_SINCE = {1: 13, 2: 14, 3: 15, 5: 16}
"""By version: how many of the accesses to files, numbered from bit 0, it knows."""

_NETWORK_SINCE, _NETWORK = 4, 0b11
_SCOPES_SINCE, _SCOPES = 6, 0b11


def version() -> int:
    """The version that the kernel speaks.

    Raises:
        OSError: if it speaks none.
    """
    return syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)


def restrict_self() -> int:
    """Refuse everything that this kernel's version knows, for this thread and those it starts; tell the version.

    Raises:
        OSError: if the kernel has no Landlock, or it is turned off.
    """
    spoken = version()
    known = max(bits for since, bits in _FILES_SINCE.items() if since <= spoken)
    handled = _RULESET.pack(
        (1 << known) - 1,
        _NETWORK if spoken >= _NETWORK_SINCE else 0,
        _SCOPES if spoken >= _SCOPES_SINCE else 0,
    )
    # No rule is added: what is handled and not allowed is refused.
    ruleset = syscall(_CREATE_RULESET, handled, len(handled), 0)
    try:
        syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return spoken
