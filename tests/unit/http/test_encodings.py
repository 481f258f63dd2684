"""Which coding is chosen, by the letter of RFC 9110, section 12.5.3."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtime.http.middleware.compression import choose_encoding, join_header_lines

OFFERED = ("br", "gzip")


@pytest.mark.parametrize(
    ("header", "chosen"),
    [
        (None, "identity"),
        ("", "identity"),
        ("gzip", "gzip"),
        ("GZip", "gzip"),
        ("x-gzip", "gzip"),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip;q=1.0, br;q=0.9", "gzip"),
        ("gzip ; q=0.5 , br; q=0.500", "br"),
        ("br;q=0, gzip", "gzip"),
        ("br;q=0.000", "identity"),
        ("br;q=0, *", "gzip"),
        ("*", "br"),
        ("*;q=0.1", "br"),
        ("gzip;q=0.001", "gzip"),
        ("identity, gzip;q=0.5", "identity"),
        ("identity;q=0.5, gzip;q=0.5", "gzip"),
        ("deflate", "identity"),
        ("deflate, *;q=0, identity", "identity"),
        ("identity;q=0, gzip", "gzip"),
        ("identity;q=0, *;q=0.3", "br"),
        ("identity;q=0", None),
        ("*;q=0", None),
        ("gzip;q=0, *;q=0", None),
        ("gzip;q=2", "identity"),
        ("gzip;q=", "identity"),
        ("gz ip, br", "br"),
        (",,, gzip,,", "gzip"),
    ],
)
def test_the_coding_is_the_one_that_the_client_prefers(header: str | None, chosen: str | None) -> None:
    assert choose_encoding(header, OFFERED) == chosen


@given(st.text(alphabet='gzipbr*identy;q=01.5, \t"\\', max_size=60))
def test_any_header_can_be_read(header: str) -> None:
    assert choose_encoding(header, OFFERED) in {"br", "gzip", "identity", None}


def test_several_lines_are_one_list() -> None:
    headers = [(b"accept-encoding", b"br;q=0"), (b"host", b"x"), (b"accept-encoding", b"gzip")]
    assert join_header_lines(headers, b"accept-encoding") == "br;q=0, gzip"
    assert join_header_lines(headers, b"range") is None
