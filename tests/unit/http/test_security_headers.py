"""Which answer has which policy, and that no page with the player, and no other, asks for the player's."""

import ast
import re
from pathlib import Path

import pytest

from streamtime.http.middleware.gateway import SecurityHeaders

ROOT = Path(__file__).parents[3]
TEMPLATES = ROOT / "web" / "templates"
OUTSIDE = "https://video.example.org:8443"


def told(path: str, *, player: bool = False, headers: SecurityHeaders | None = None) -> dict[str, str]:
    found = (headers or SecurityHeaders()).of(path, player=player)
    assert len({name for name, _ in found}) == len(found)
    return {name.decode(): value.decode() for name, value in found}


def policy(path: str, *, player: bool = False, headers: SecurityHeaders | None = None) -> dict[str, str]:
    text = told(path, player=player, headers=headers)["content-security-policy"]
    pairs = [directive.partition(" ") for directive in text.split("; ")]
    return {name: value for name, _, value in pairs}


@pytest.mark.parametrize("path", ["/", "/login", "/s/link", "/drop/link", "/embed/gone", "/admin/jobs", "/api/docs"])
def test_pages_without_the_player_are_strict(path: str) -> None:
    found = policy(path, headers=SecurityHeaders(stores=["https://s3.example.org"]))
    assert "unsafe" not in str(found)
    assert "s3.example.org" not in str(found)
    assert (found["default-src"], found["script-src"], found["style-src"]) == ("'none'", "'self'", "'self'")


@pytest.mark.parametrize("path", ["/watch/video", "/s/link", "/embed/video"])
def test_the_player_may_style_itself_and_fetch_from_stores(path: str) -> None:
    found = policy(path, player=True, headers=SecurityHeaders(stores=["https://s3.example.org"]))
    assert found["script-src"] == "'self'"
    assert found["style-src"] == "'self' 'unsafe-inline'"
    assert found["connect-src"] == "'self' https://s3.example.org"
    assert found["media-src"] == "'self' blob: data: https://s3.example.org"


def test_only_what_is_for_frames_can_be_framed() -> None:
    headers = SecurityHeaders(frame_ancestors=["https://blog.example.org"])
    for player in (True, False):
        embedded = policy("/embed/video", player=player, headers=headers)
        assert embedded["frame-ancestors"] == "'self' https://blog.example.org"
        assert "x-frame-options" not in told("/embed/video", player=player, headers=headers)
        for path in ("/watch/video", "/s/link"):
            assert policy(path, player=player, headers=headers)["frame-ancestors"] == "'none'"
            assert told(path, player=player, headers=headers)["x-frame-options"] == "DENY"


def test_addresses_that_let_in_are_told_to_nobody() -> None:
    for path in ("/s/link", "/drop/link", "/t/ticket/media/video/master.m3u8"):
        assert told(path)["referrer-policy"] == "no-referrer"
        assert told(path, player=True)["referrer-policy"] == "no-referrer"
    assert told("/login")["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("public_url", "scheme", "host", "insists"),
    [
        (OUTSIDE, "https", b"video.example.org:8443", True),
        (OUTSIDE, "https", b"Video.Example.org:8443", True),
        (OUTSIDE, "http", b"video.example.org:8443", False),
        (OUTSIDE, "https", b"nas", False),
        (OUTSIDE, "https", b"", False),
        ("http://video.example.org", "https", b"video.example.org", False),
        ("", "https", b"video.example.org", False),
        ("", "https", b"", False),
    ],
)
def test_https_is_insisted_on_where_it_is_the_address_outside(
    public_url: str, scheme: str, host: bytes, *, insists: bool
) -> None:
    found = SecurityHeaders(public_url=public_url).of_transport(scheme, host)
    assert found == (((b"strict-transport-security", b"max-age=15552000"),) if insists else ())


def pages_with_the_player() -> set[str]:
    names = re.compile(r'from "macros/player\.html" import ([\w, ]+)')
    found = {path: names.search(path.read_text()) for path in TEMPLATES.rglob("*.html")}
    having = [path for path, names in found.items() if names and "player" in names[1].split(", ")]
    return {str(path.relative_to(TEMPLATES)) for path in having}


def pages_that_say_so() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "streamtime" / "http").rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text())):
            if isinstance(call, ast.Call) and any(keyword.arg == "player" for keyword in call.keywords):
                words = [part.value for part in call.args if isinstance(part, ast.Constant)]
                found |= {str(word) for word in words}
    return found


def test_each_page_with_the_player_says_so() -> None:
    known = {"pages/watch.html", "pages/shared.html", "pages/embed.html"}
    assert pages_with_the_player() == pages_that_say_so() == known


def test_no_template_has_a_script_or_a_style_in_it_or_keeps_the_policy_of_another_page() -> None:
    # A block of JSON-LD holds data: browsers run nothing of it.
    script = r"<script(?![^>]*\ssrc=| type=\"application/ld\+json\">)"
    inline = re.compile(rf"<style|\sstyle=|{script}|\son\w+=|hx-boost|hx-on|javascript:")
    texts = {str(path.relative_to(TEMPLATES)): path.read_text() for path in TEMPLATES.rglob("*.html")}
    found_in = {name: set(found) for name, text in texts.items() if (found := inline.findall(text))}
    # The player's room has the film's shape before any script runs; pages with the player allow inline styles.
    assert found_in == {"macros/player.html": {" style="}}
