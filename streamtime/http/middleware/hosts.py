"""Validates the Host header: its grammar (RFC 9110 section 7.2, RFC 3986 section 3.2) and the allowed names.

IP addresses, names without a dot, `.local` and `.localhost` are always allowed. Other names have to be configured; this
protects against DNS rebinding.
"""

import ipaddress
import re
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

MAX_HOST = 261
"""Maximum length: a name of 255 octets (RFC 1035, section 2.3.4) and a port."""

MAX_CACHED_HOSTS = 1000
"""Maximum number of cached results; bounded because clients choose the values."""

_AUTHORITY = re.compile(
    r"""(?P<host> \[ [0-9a-fA-F:.]+ \]                                  # IP-literal
               | (?: [A-Za-z0-9._~!$&'()*+,;=-] | %[0-9A-Fa-f]{2} )+ )  # IPv4address or reg-name
        (?: : (?P<port> [0-9]{0,5} ) )?""",
    re.VERBOSE,
)
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Authority:
    """`uri-host [":" port]`: the host in lower case, without a trailing dot and without brackets."""

    host: str
    port: int | None

    @classmethod
    def parse(cls, text: str) -> "Authority":
        """Parse an authority without user information.

        Raises:
            ValueError: it does not match the grammar, the port is above 65535, or the host is no IPv6 address.
        """
        found = _AUTHORITY.fullmatch(text)
        if found is None or len(text) > MAX_HOST:
            raise ValueError(text)
        host, port = found["host"].lower(), int(found["port"]) if found["port"] else None
        if port is not None and port > _MAX_PORT:
            raise ValueError(text)
        if host.startswith("["):
            return cls(str(ipaddress.IPv6Address(host[1:-1])), port)
        return cls(host.removesuffix("."), port)


class HostStatus(Enum):
    """Result of the Host check."""

    OURS = "ours"
    FOREIGN = "foreign"
    """Well-formed, but not an allowed name: answered with 421."""
    MALFORMED = "malformed"
    """Answered with 400 (RFC 9112, section 3.2)."""


class HostValidator:
    """Checks Host headers."""

    def __init__(self, allowed: tuple[str, ...], public_url: str) -> None:
        names = [*allowed, *([urlsplit(public_url).hostname or ""] if public_url else [])]
        self._allowed = frozenset(name.casefold() for name in names if name)
        self._cache: dict[bytes, HostStatus] = {}

    def check(self, host: bytes) -> HostStatus:
        """Return whether the Host header names this server."""
        status = self._cache.get(host)
        if status is None:
            status = self._check(host)
            if len(self._cache) < MAX_CACHED_HOSTS and len(host) <= MAX_HOST:
                self._cache[host] = status
        return status

    def _check(self, value: bytes) -> HostStatus:
        try:
            host = Authority.parse(value.decode("ascii")).host
        except ValueError:  # including UnicodeDecodeError
            return HostStatus.MALFORMED
        return HostStatus.OURS if self._is_ours(host) else HostStatus.FOREIGN

    def _is_ours(self, host: str) -> bool:
        if host in self._allowed:
            return True
        try:
            ipaddress.ip_address(host)
        except ValueError:
            local = "." not in host or host.endswith((".local", ".localhost"))
            return local and _NAME.fullmatch(host) is not None
        return True
