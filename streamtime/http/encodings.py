"""Content codings (RFC 9110, sections 8.4 and 12.5.3): which of those on offer a client takes."""

import re
from collections.abc import Iterable

IDENTITY = "identity"

_ELEMENT = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:;\s*[qQ]\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")
_ALIASES = {"x-gzip": "gzip"}


def join_header_lines(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> str | None:
    """All lines of a list header as one (RFC 9110, section 5.3); None where there is none."""
    lines = [value.decode("latin-1") for name, value in headers if name == wanted]
    return ", ".join(lines) if lines else None


def parse_accept_encoding(header: str) -> dict[str, float]:
    """The weight of each coding that an `Accept-Encoding` names. Elements that cannot be read are passed over."""
    found: dict[str, float] = {}
    for element in header.split(","):
        if match := _ELEMENT.fullmatch(element):
            name = match[1].lower()
            found[_ALIASES.get(name, name)] = 1.0 if match[2] is None else float(match[2])
    return found


def choose_encoding(header: str | None, offered: tuple[str, ...]) -> str | None:
    """The coding to answer with: the one with the highest weight, of equal ones the first of `offered`.

    `identity` is always on offer, and comes last. Without a header nothing is encoded: the client may know no coding.
    None where the client refuses all of them, `identity` too.
    """
    if header is None:
        return IDENTITY
    weighed = parse_accept_encoding(header)
    others = weighed.get("*")
    of_each = {name: weighed.get(name, others or 0.0) for name in offered}
    # Not named, it is acceptable unless `*` refuses it; a coding that is named goes before it.
    of_each[IDENTITY] = weighed.get(IDENTITY, 0.0005 if others is None else others)
    best = max(of_each, key=lambda name: of_each[name])
    return best if of_each[best] > 0 else None
