"""Whether a request came unencrypted, and whether there is something to say about it to those who run the server."""

import ipaddress
from typing import Any

from litestar import Request
from litestar.datastructures import State

from streamtime.http.hosts import Authority
from streamtime.http.requests import client_address, is_secure


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
