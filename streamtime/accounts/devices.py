"""What a client calls itself, in words that its owner knows it by: "Firefox on Linux". It guesses."""

MAX_UNKNOWN = 40

_PROGRAMS = (
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Safari/", "Safari"),
)
"""What marks a program, before the marks of those that it poses as."""

_SYSTEMS = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Web0S", "a TV"),
    ("Tizen", "a TV"),
    ("Linux", "Linux"),
)


def device_of(user_agent: str) -> str:
    """A program and a system; where neither is known, the first word it says of itself; empty where it says none."""
    program, system = _first(_PROGRAMS, user_agent), _first(_SYSTEMS, user_agent)
    if program and system:
        return f"{program} on {system}"
    words = "".join(character for character in user_agent if character.isprintable()).split()
    return program or system or (words[0].replace("/", " ")[:MAX_UNKNOWN] if words else "")


def _first(marks: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for mark, name in marks if mark in text), "")
