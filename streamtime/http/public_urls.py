"""The base URL of links that are opened elsewhere, QR codes, and detection of requests over plain HTTP."""

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
"""Quiet zone around a QR code, in modules. The standard requires four; the page's white card supplies the rest."""


class LinkBaseReason(StrEnum):
    """Why links have this base URL."""

    PUBLIC = "public"
    """Configured as `server.public_url`."""
    REQUEST = "request"
    """The host of the current request."""
    NETWORK = "network"
    """The browser used a loopback address, so links use this machine's network address."""
    ONLY_HERE = "only_here"
    """A loopback address: the server listens on loopback only."""
    OFFLINE = "offline"
    """A loopback address: this machine has no network address."""


@dataclass(frozen=True, slots=True)
class AlternateUrl:
    """The same link with another network address of this machine."""

    host: str
    url: str


@dataclass(frozen=True, slots=True)
class LinkBase:
    """The base URL of links to this server, and the reason for it."""

    base: str
    reason: LinkBaseReason
    requested_host: str
    """Host and port of the request."""
    others: tuple[str, ...] = ()

    def url(self, path: str) -> str:
        """Return the absolute URL of a path."""
        return self.base + path

    def alternate_urls(self, path: str) -> list[AlternateUrl]:
        """Return the absolute URLs of a path with the other network addresses of this machine."""
        return [AlternateUrl(urlsplit(other).hostname or other, other + path) for other in self.others]


def link_base(request: Request[Any, Any, State], settings: HttpSettings) -> LinkBase:
    """Return the base URL of links that are opened on other devices.

    This is `public_url` if it is set, else the Host of the request. If that is a loopback address, it is a network
    address of this machine, if there is one.
    """
    host = request.headers.get("host", "")
    if settings.public_url:
        return LinkBase(settings.public_url.rstrip("/"), LinkBaseReason.PUBLIC, host)
    requested = f"{request.url.scheme}://{host}"
    if not is_loopback(_hostname(host)):
        return LinkBase(requested, LinkBaseReason.REQUEST, host)
    urls = settings.listening.network_urls()
    if urls:
        return LinkBase(urls[0], LinkBaseReason.NETWORK, host, tuple(urls[1:]))
    reason = LinkBaseReason.ONLY_HERE if settings.listening.only_here else LinkBaseReason.OFFLINE
    return LinkBase(requested, reason, host)


def absolute_url(request: Request[Any, Any, State], settings: HttpSettings, path: str) -> str:
    """Return the absolute URL of a path, to be opened on other devices."""
    return link_base(request, settings).url(path)


def callback_url(request: Request[Any, Any, State], settings: HttpSettings, path: str) -> str:
    """Return the absolute URL of a path for a redirect of the same browser, on the host that has its cookies."""
    base = settings.public_url or f"{request.url.scheme}://{request.headers.get('host', '')}"
    return base.rstrip("/") + path


def qr_svg(text: str) -> str:
    """Return a QR code as an inline SVG element without styles or scripts."""
    out = BytesIO()
    code = segno.make(text, error="m", micro=False)
    code.save(
        out, kind="svg", xmldecl=False, svgns=True, omitsize=True, border=_QUIET_ZONE, svgclass="qr", lineclass=None
    )
    return out.getvalue().decode()


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def is_plain_http(request: Request[Any, Any, State]) -> bool:
    """Return whether the request was sent unencrypted over a network: plain HTTP, and not to a loopback name."""
    return not is_secure(request) and not _is_loopback(request.headers.get("host", ""))


def untrusted_proxy(request: Request[Any, Any, State]) -> str:
    """Return the address of a proxy that sends `X-Forwarded-Proto: https` but is not in `trusted_proxies`, else "".

    For a trusted proxy the scheme of the request is https already.
    """
    forwarded_scheme = request.headers.get("x-forwarded-proto", "").casefold()
    return client_address(request) if forwarded_scheme == "https" and not is_secure(request) else ""


def _is_loopback(host: str) -> bool:
    try:
        name = Authority.parse(host).host
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")
