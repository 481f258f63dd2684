"""Which Host names are ours. On a LAN every name without a dot is; a foreign one is a rebinding attack."""

import ipaddress
from urllib.parse import urlsplit

MAX_HOST = 261
"""A name of 255 octets (RFC 1035, section 2.3.4) and a port."""


class Hosts:
    """Judges Host headers."""

    def __init__(self, allowed: tuple[str, ...], public_url: str) -> None:
        names = [*allowed, *([urlsplit(public_url).hostname or ""] if public_url else [])]
        self._allowed = frozenset(name.casefold() for name in names if name)
        self._known: dict[bytes, bool] = {}

    def welcome(self, host: bytes) -> bool:
        """Whether a request with this Host header is for us."""
        if len(host) > MAX_HOST:
            return False
        known = self._known.get(host)
        if known is None:
            known = self._judge(host.decode("latin-1"))
            if len(self._known) < 1000:  # noqa: PLR2004  # a memory of names seen, bounded
                self._known[host] = known
        return known

    def _judge(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").casefold().rstrip(".")
        except ValueError:
            return False
        if not name or name in self._allowed or "." not in name or name.endswith((".local", ".localhost")):
            return bool(name)
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True
