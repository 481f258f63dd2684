"""The addresses at which browsers reach this server: on this machine, in its network, and outside."""

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass, field

import ifaddr

_VIRTUAL = re.compile(r"(docker|br-|veth|virbr|vmnet|vboxnet|cni|podman|lxc|lxd|vnet|tap)", re.IGNORECASE)
"""Names of interfaces that lead to containers and virtual machines of this machine, which no other device reaches."""

_LOOPBACK_NAMES = frozenset({"localhost", "ip6-localhost", "ip6-loopback", "localhost.localdomain"})


def network_addresses() -> list[str]:
    """This machine's IP addresses in its networks, the one of the default route first; none where it is offline.

    Without loopback and link-local addresses, and without interfaces for containers and virtual machines. Nothing is
    sent to find out.
    """
    first = _default_route()
    found = [first] if first else []
    for adapter in ifaddr.get_adapters():
        if _VIRTUAL.match(adapter.nice_name):
            continue
        for each in adapter.ips:
            text = each.ip if isinstance(each.ip, str) else each.ip[0]
            if _is_of_network(text) and text not in found:
                found.append(text)
    return sorted(found, key=lambda text: (text != first, ":" in text))


def is_loopback(host: str) -> bool:
    """Whether a host name or IP address, without a port, leads to the machine of the browser itself."""
    name = host.strip("[]").casefold().rstrip(".")
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return name in _LOOPBACK_NAMES or name.endswith(".localhost")
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return any(one.is_loopback or one.is_unspecified for one in (address, mapped) if one)


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """Where the server listens: an IP address and a port, both as they are bound; and the address outside, if any."""

    host: str
    port: int
    public_url: str = ""
    find_addresses: Callable[[], list[str]] = field(default=network_addresses)
    """Finds the IP addresses of this machine in its networks."""

    def urls(self) -> list[str]:
        """All of them, the one for this machine first."""
        own = "127.0.0.1" if self._is_wildcard else self.host
        listed = [_url(own, self.port), *self.network_urls(), *([self.public_url] if self.public_url else [])]
        return list(dict.fromkeys(listed))

    def network_urls(self) -> list[str]:
        """Those that other devices in the network can open, the likeliest first."""
        if not self._is_wildcard:
            return [] if is_loopback(self.host) else [_url(self.host, self.port)]
        taken = [text for text in self.find_addresses() if self.host == "::" or ":" not in text]
        return [_url(text, self.port) for text in taken]

    @property
    def only_here(self) -> bool:
        """Whether it listens for programs on this machine alone."""
        return not self._is_wildcard and is_loopback(self.host)

    @property
    def _is_wildcard(self) -> bool:
        return self.host in {"0.0.0.0", "::"}  # noqa: S104  # compared with, not listened on


def _default_route() -> str | None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # RFC 5737: a documentation address; connecting UDP sends no packet
        except OSError:
            return None
        found = str(probe.getsockname()[0])
    return found if _is_of_network(found) else None


def _is_of_network(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return not (address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast)


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
