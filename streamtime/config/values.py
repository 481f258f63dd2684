"""Types of configuration values that have their own written form, such as sizes and durations.

Each type reads what a user wrote (`parse`), describes what it accepts (`accepts`), and formats itself (`str`).
"""

import ipaddress
import re
from typing import ClassVar, Self
from urllib.parse import urlsplit

_BYTES = {
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 2**10,
    "mib": 2**20,
    "gib": 2**30,
    "tib": 2**40,
}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_HOURS = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")
_HOST = re.compile(r"(?!-)[a-z0-9-]{1,63}(\.(?!-)[a-z0-9-]{1,63})*")


class ConfigValue:
    """A value with its own written form."""

    __slots__ = ()
    accepts: ClassVar[str]

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Parse what a user wrote.

        Raises:
            ValueError: the type does not accept it.
        """
        raise NotImplementedError


class ByteCount(int, ConfigValue):
    """A number of bytes, written as a number, with a binary unit ("20 GiB") or a decimal one ("20 GB")."""

    accepts = 'a size such as "20 GiB" or "500 MB"'

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Parse a size."""
        found = re.fullmatch(r"(\d{1,19}(?:\.\d{1,9})?)\s*([a-z]*)", _number_or_text(raw))
        if found is None or (found[2] or "b") not in _BYTES:
            raise ValueError(raw)
        whole, _, part = found[1].partition(".")
        factor = _BYTES[found[2] or "b"]
        return cls(int(whole) * factor + int(part or "0") * factor // 10 ** len(part))

    def __str__(self) -> str:
        for unit, factor in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if self >= factor and self % factor == 0:
                return f"{self // factor} {unit}"
        return f"{int(self)} B"


class MemoryBudget(int, ConfigValue):
    """A number of bytes, or "auto", which is stored as 0 and depends on the machine's memory."""

    accepts = ByteCount.accepts + ', or "auto"'

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Parse a size or "auto"."""
        return cls(0 if raw == "auto" else ByteCount.parse(raw))

    def __str__(self) -> str:
        return str(ByteCount(self)) if self else "auto"


class DailyHours(str, ConfigValue):
    """A daily time range in local time, such as "23:00-07:00", or empty."""

    __slots__ = ()
    accepts = 'a part of the day such as "23:00-07:00", or ""'

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Parse two times of day."""
        text = _text(raw).replace(" ", "")
        if text and (_HOURS.fullmatch(text) is None or len(set(text.split("-"))) == 1):
            raise ValueError(raw)
        return cls(text)


class Seconds(int, ConfigValue):
    """A duration in whole seconds, written as a number or as "90s", "15m", "12h", "30d", "2w"."""

    accepts = 'a length of time such as "90s", "15m", "12h" or "30d"'

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Parse a duration."""
        found = re.fullmatch(r"(\d{1,12})\s*([smhdw]?)", _number_or_text(raw))
        if found is None:
            raise ValueError(raw)
        return cls(int(found[1]) * _SECONDS[found[2] or "s"])

    def __str__(self) -> str:
        for unit, factor in (("d", 86400), ("h", 3600), ("m", 60)):
            if self >= factor and self % factor == 0:
                return f"{self // factor}{unit}"
        return f"{int(self)}s"


class PublicUrl(str, ConfigValue):
    """A URL of scheme and host, without path and trailing slash; or empty."""

    __slots__ = ()
    accepts = 'an address without a path, such as "https://video.example.org", or ""'

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Parse a URL."""
        text = _text(raw).rstrip("/")
        parts = urlsplit(text)
        extra = parts.path or parts.query or parts.fragment or "@" in parts.netloc
        if text and (parts.scheme not in {"http", "https"} or not parts.hostname or extra or parts.port == 0):
            raise ValueError(raw)
        return cls(text)


class Issuer(str, ConfigValue):
    """The issuer URL of an OpenID provider: scheme, host and often a path; a trailing slash is kept."""

    __slots__ = ()
    accepts = 'an address such as "https://auth.example.org/realms/home", or ""'

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Parse a URL."""
        text = _text(raw)
        parts = urlsplit(text)
        extra = parts.query or parts.fragment or "@" in parts.netloc or not text.isprintable() or " " in text
        if text and (parts.scheme not in {"http", "https"} or not parts.hostname or extra or parts.port == 0):
            raise ValueError(raw)
        return cls(text)


class HostName(str, ConfigValue):
    """A host name in lower case, without a port."""

    __slots__ = ()
    accepts = 'a host name such as "video.example.org"'

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Parse a host name."""
        name = _text(raw).lower()
        if _HOST.fullmatch(name) is None:
            raise ValueError(raw)
        return cls(name)


class Origin(PublicUrl):
    """A web origin: scheme, host and port."""

    __slots__ = ()
    accepts = 'the address of a site without a path, such as "https://blog.example.org"'

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Parse an origin. Its characters are restricted, since it becomes part of a header."""
        text = super().parse(raw).lower()
        if _HOST.fullmatch(urlsplit(text).hostname or "") is None:
            raise ValueError(raw)
        return cls(text)


class Network(str, ConfigValue):
    """An IP address or network."""

    __slots__ = ()
    accepts = 'an IP address or network such as "127.0.0.1" or "172.16.0.0/12"'

    @classmethod
    def parse(cls, raw: object) -> Self:
        """Parse an address or a network."""
        text = _text(raw)
        return cls(ipaddress.ip_network(text) if "/" in text else ipaddress.ip_address(text))


def _text(raw: object) -> str:
    """Return text without surrounding space."""
    if not isinstance(raw, str):
        raise ValueError(raw)  # noqa: TRY004  (the loader catches one type of error)
    return raw.strip()


def _number_or_text(raw: object) -> str:
    """Return a number or text as text; a boolean is rejected, although it is an int in Python."""
    if isinstance(raw, int) and not isinstance(raw, bool):
        return str(int(raw))
    return _text(raw).lower()
