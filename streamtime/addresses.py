"""URLs at which browsers reach this server: on this machine, in the local network, and the public URL."""

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

import ifaddr

_VIRTUAL = re.compile(r"(docker|br-|veth|virbr|vmnet|vboxnet|cni|podman|lxc|lxd|vnet|tap)", re.IGNORECASE)
"""Names of network interfaces for containers and virtual machines on this machine; no other device reaches them."""

_LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost", "ip6-loopback", "localhost.localdomain"})


def network_addresses() -> list[str]:
    """Return this machine's IP addresses, the default route's first; an empty list if it is offline.

    Loopback and link-local addresses and interfaces for containers and virtual machines are left out. No packet is
    sent.
    """
    first = _default_route()
    found = [first] if first else []
    for adapter in ifaddr.get_adapters():
        if _VIRTUAL.match(adapter.nice_name):
            continue
        for ip in adapter.ips:
            text = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
            if _is_network_address(text) and text not in found:
                found.append(text)
    return sorted(found, key=lambda text: (text != first, ":" in text))


def is_loopback(host: str) -> bool:
    """Return whether a host name or IP address (without a port) means the machine that the browser runs on."""
    name = host.strip("[]").casefold().rstrip(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name in _LOOPBACK_NAMES or name.endswith(".localhost")
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any(ip.is_loopback or ip.is_unspecified for ip in (address, mapped) if ip)


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """The IP address and port that the server is bound to, and its public URL, if one is configured."""

    host: str
    port: int
    public_url: str = ""
    find_addresses: Callable[[], list[str]] = field(default=network_addresses)
    """Returns the IP addresses of this machine, see `network_addresses`."""

    def urls(self) -> list[str]:
        """Return all URLs of the server, the one for this machine first."""
        own = "127.0.0.1" if self._is_wildcard else self.host
        listed = [_url(own, self.port), *self.network_urls(), *([self.public_url] if self.public_url else [])]
        return list(dict.fromkeys(listed))

    def network_urls(self) -> list[str]:
        """Return the URLs that other devices in the network can open, the likeliest first."""
        if not self._is_wildcard:
            return [] if is_loopback(self.host) else [_url(self.host, self.port)]
        usable = [text for text in self.find_addresses() if self.host == "::" or ":" not in text]
        return [_url(text, self.port) for text in usable]

    @property
    def only_here(self) -> bool:
        """Whether only programs on this machine can connect."""
        return not self._is_wildcard and is_loopback(self.host)

    @property
    def _is_wildcard(self) -> bool:
        return self.host in {"0.0.0.0", "::"}  # noqa: S104  # a comparison, not a bind


def _default_route() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: a documentation address; connecting UDP sends no packet
        except OSError:
            return None
        found = str(probe.getsockname()[0])
    return found if _is_network_address(found) else None


def _is_network_address(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return not (address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast)


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
