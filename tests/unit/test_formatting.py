"""Numbers and times as people say them; descriptions cut into links and times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtime.formatting import age_text, duration_iso, duration_text, size_text
from streamtime.http.requests import local_path
from streamtime.http.views.videos import description_parts


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1 KB"),
        (1_260_000, "1.3 MB"),
        (999_960, "1.0 MB"),
        (12 * 10**9, "12.0 GB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert size_text(count) == text


def test_durations_and_ages() -> None:
    assert duration_text(303_000) == "5:03"
    assert duration_text(3_723_400) == "1:02:03"
    assert duration_iso(303_000) == "PT303S"
    assert age_text(0, 30_000) == "just now"
    assert age_text(0, 60_000) == "1 minute ago"
    assert age_text(0, 3 * 86_400_000) == "3 days ago"
    assert age_text(10_000, 0) == "just now", "a clock that was set back"


def test_descriptions_keep_every_character_and_find_links_and_times() -> None:
    parts = description_parts("See https://example.org/a?b=1 at 1:02:03 or 04:05, not 12:345.")
    assert "".join(part.text for part in parts) == "See https://example.org/a?b=1 at 1:02:03 or 04:05, not 12:345."
    assert [part.href for part in parts if part.href] == ["https://example.org/a?b=1"]
    assert [part.seconds for part in parts if part.seconds is not None] == [3723, 245]


@given(st.text(max_size=300))
def test_any_description_survives(text: str) -> None:
    parts = description_parts(text)
    assert "".join(part.text for part in parts) == text
    assert all(part.href is None or part.href.startswith(("http://", "https://")) for part in parts)


@given(st.text(max_size=60))
def test_where_a_form_leads_is_always_on_this_server(text: str) -> None:
    path = local_path(text)
    assert path.startswith("/")
    assert not path.startswith(("//", "/\\"))
