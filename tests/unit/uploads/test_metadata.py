"""The tus metadata header, and names that browsers send."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtime.errors import Invalid
from streamtime.uploads.upload import parse_metadata, sanitize_file_name

KEYS = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20)


@given(st.dictionaries(KEYS, st.text(max_size=50), max_size=5))
def test_what_a_client_encodes_is_what_we_read(pairs: dict[str, str]) -> None:
    header = ",".join(f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in pairs.items())
    assert parse_metadata(header) == pairs


@pytest.mark.parametrize("header", ["a !!", "a /w==", "a YQ==,a YQ==", "x " + "A" * 9000])
def test_junk_is_refused(header: str) -> None:
    with pytest.raises(Invalid):
        parse_metadata(header)


def test_a_key_may_have_no_value() -> None:
    assert parse_metadata("is_private,filename YQ==") == {"is_private": "", "filename": "a"}


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("film.mp4", "film.mp4"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Videos\\my_first_film.MOV", "my_first_film.MOV"),
        ("", "video"),
        ("a\x00b\n.mp4", "ab.mp4"),
        (".mp4", ".mp4"),
    ],
)
def test_names(sent: str, name: str) -> None:
    assert sanitize_file_name(sent) == name


@given(st.text(max_size=400))
def test_no_name_has_a_path_in_it(text: str) -> None:
    name = sanitize_file_name(text)
    assert name
    assert "/" not in name
    assert len(name) <= 255
