"""Whether a request came unencrypted, and whether there is something to say about it to those who run the server.

The server's own address, for what is carried elsewhere: into another player, a chat, a code on the screen.
"""

import ipaddress
from dataclasses import dataclass
from enum import StrEnum
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import segno
from litestar import Request
from litestar.datastructures import State

from streamtime.addresses import is_loopback
from streamtime.http.middleware.hosts import Authority
from streamtime.http.requests import client_address, is_secure
from streamtime.http.services import HttpSettings

_QUIET_ZONE = 2
"""Modules around a code. The standard has four; the page's own white card is the rest."""


class LinkBaseReason(StrEnum):
    """Why links carry the address that they carry."""

    PUBLIC = "public"
    """It is configured, as `server.public_url`."""
    REQUEST = "request"
    """The browser used it for this very request."""
    NETWORK = "network"
    """The browser used one that only this machine can open, so this one of the network stands for it."""
    ONLY_HERE = "only_here"
    """The same, but the server listens on this machine alone: there is no other."""
    OFFLINE = "offline"
    """The same, but this machine is in no network: there is no other."""


@dataclass(frozen=True, slots=True)
class AlternateUrl:
    """The same link with another address of this machine; `host` is what tells it apart."""

    host: str
    url: str


@dataclass(frozen=True, slots=True)
class LinkBase:
    """Where links to this server begin, and why there."""

    base: str
    reason: LinkBaseReason
    requested_host: str
    """Host and port that the browser used."""
    others: tuple[str, ...] = ()

    def url(self, path: str) -> str:
        """The whole address of a path."""
        return self.base + path

    def alternate_urls(self, path: str) -> list[AlternateUrl]:
        """The other whole addresses of a path, where this machine has several in its networks."""
        return [AlternateUrl(urlsplit(other).hostname or other, other + path) for other in self.others]


def link_base(request: Request[Any, Any, State], settings: HttpSettings) -> LinkBase:
    """Where links that others are to open begin.

    `public_url`, where there is one; else the Host of this request, unless only this machine could open it: then an
    address of this machine in its network, where it has one.
    """
    asked = request.headers.get("host", "")
    if settings.public_url:
        return LinkBase(settings.public_url.rstrip("/"), LinkBaseReason.PUBLIC, asked)
    here = f"{request.url.scheme}://{asked}"
    if not is_loopback(_name_of(asked)):
        return LinkBase(here, LinkBaseReason.REQUEST, asked)
    found = settings.listening.network_urls()
    if found:
        return LinkBase(found[0], LinkBaseReason.NETWORK, asked, tuple(found[1:]))
    return LinkBase(here, LinkBaseReason.ONLY_HERE if settings.listening.only_here else LinkBaseReason.OFFLINE, asked)


def absolute_url(request: Request[Any, Any, State], settings: HttpSettings, path: str) -> str:
    """The whole address of a path, for others to open."""
    return link_base(request, settings).url(path)


def callback_url(request: Request[Any, Any, State], settings: HttpSettings, path: str) -> str:
    """The whole address of a path, for this very browser to come back to with the cookies that it has here."""
    base = settings.public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"
    return base.rstrip("/") + path


def qr_svg(text: str) -> str:
    """A QR code as an SVG element, to stand in a page: no style, no script, no request."""
    out = BytesIO()
    code = segno.make(text, error="m", micro=False)
    code.save(
        out, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=_QUIET_ZONE, svgclass="qr", lineclass=None
    )
    return out.getvalue().decode()


def _name_of(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_plain_http(request: Request[Any, Any, State]) -> bool:
    """Whether others could read this request on its way: it came over plain HTTP, and not to a name of loopback."""
    return not is_secure(request) and not _is_loopback(request.headers.get("host", ""))


def untrusted_proxy(request: Request[Any, Any, State]) -> str:
    """The address of a proxy that says the request came to it over https, and is none of `trusted_proxies`; or nothing.

    Where the proxy is one of them, its word has made the request one over https already.
    """
    said = request.headers.get("x-forwarded-proto", "").casefold()
    return client_address(request) if said == "https" and not is_secure(request) else ""


def _is_loopback(host: str) -> bool:
    try:
        name = Authority.parse(host).host
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
