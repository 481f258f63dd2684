"""The addresses to open: this machine's own, and the one that the rest of the house can use."""

import socket

_ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104  # compared with, not listened on


def addresses(host: str, port: int, public_url: str) -> list[str]:
    """Addresses of the server, the one for this machine first."""
    if host not in _ANY:
        own = [_url(host, port)]
    else:
        lan = lan_address()
        own = [_url("127.0.0.1", port), *([_url(lan, port)] if lan else [])]
    return [*own, *([public_url] if public_url else [])]


def lan_address() -> str | None:
    """The address that this machine would talk to its network from. Nothing is sent to find out."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: a documentation address; connecting UDP sends no packet
        except OSError:
            return None
        found = str(probe.getsockname()[0])
    return None if found.startswith(("127.", "0.")) else found


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
