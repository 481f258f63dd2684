"""What owners type, made fit to store."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtime.errors import Invalid
from streamtime.videos.editing import MAX_DESCRIPTION, clean_description, clean_tags, clean_title


def test_titles() -> None:
    assert clean_title("  A \n film\t") == "A film"
    assert clean_title("gpj\u202e.4pm") == "gpj .4pm", "text that turns round cannot pose as another name"
    for bad in ("", " \n", "x" * 201):
        with pytest.raises(Invalid) as caught:
            clean_title(bad)
        assert caught.value.field == "title"


def test_descriptions_keep_their_lines() -> None:
    assert clean_description("one\r\ntwo\n\nthree\x00") == "one\ntwo\n\nthree"
    with pytest.raises(Invalid):
        clean_description("x" * (MAX_DESCRIPTION + 1))


def test_tags_stand_once_in_the_order_they_were_typed() -> None:
    assert clean_tags(("Sea", " sun ", "", "SEA", "sun\n")) == ("Sea", "sun")
    with pytest.raises(Invalid):
        clean_tags(tuple(str(number) for number in range(31)))
    with pytest.raises(Invalid):
        clean_tags(("x" * 51,))


@given(st.text(max_size=150))
def test_no_control_character_gets_into_a_title(text: str) -> None:
    try:
        title = clean_title(text)
    except Invalid:
        return
    assert title == clean_title(title)
    assert not any(character < " " for character in title)
