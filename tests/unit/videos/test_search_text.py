"""Folding of text, parsing of queries, highlights and excerpts."""

import sqlite3
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamtime.videos.search_text import EXCERPT, excerpt, fold, highlight, inner_words, parse_query


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Straße CAFÉ", "strasse cafe"),
        ("e\u0301cole", "ecole"),
        ("Łódź, Smørrebrød & Ærø", "lodz smorrebrod aero"),
        ("a_b-c.d  e", "a b c d e"),
        ("ﬁlm Ⅻ", "film xii"),
        ("東京タワー2024", "東 京 タ ワ ー 2024"),
        ("नमस्ते", "नमस्ते"),
        ("ПРИВЕТ", "привет"),
        ("happy 🎂day", "happy 🎂 day"),
        ("right\u200bhere", "righthere"),
        ("!?", ""),
    ],
)
def test_folding_ignores_case_accents_and_punctuation(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_the_middle_of_a_word_is_indexed() -> None:
    assert inner_words("Heimfilm am") == "eimfilm imfilm mfilm film ilm"


@pytest.mark.parametrize(
    ("query", "expression"),
    [
        ("lake", '{title} : ("lake"*)'),
        ("Lake  HOUSE", '{title} : ("lake"* AND "house"*)'),
        ('"lake house" -rain', '({title} : ("lake house")) NOT ({title} : ("rain"))'),
        ("foo-bar", '{title} : ("foo bar"*)'),
        ("„lake house“", '{title} : ("lake house")'),
        ("lake lake", '{title} : ("lake"*)'),
    ],
)
def test_a_query_becomes_an_expression(query: str, expression: str) -> None:
    assert parse_query(query).expression("title") == expression


@pytest.mark.parametrize("query", ["", '"', '""', "-", "!!!", "-rain", "* AND ("])
def test_a_query_without_words_to_find_has_no_terms(query: str) -> None:
    terms = parse_query(query).terms
    assert terms == () or query == "* AND (", terms


@given(st.text(max_size=80), st.text(max_size=40))
def test_every_query_is_valid_and_finds_what_is_highlighted(text: str, typed: str) -> None:
    connection = sqlite3.connect(":memory:")
    tokenizer = "unicode61 remove_diacritics 0 categories 'L* N* M* S* Co Cn'"
    connection.execute(f'CREATE VIRTUAL TABLE f USING fts5(title, tokenize = "{tokenizer}")')
    connection.execute("INSERT INTO f VALUES (?)", (fold(text),))
    query = parse_query(typed)
    pieces = highlight(text, query)
    assert "".join(piece.text for piece in pieces) == unicodedata.normalize("NFC", text)
    if query.terms:
        found = connection.execute("SELECT count(*) FROM f WHERE f MATCH ?", (query.expression("title"),)).fetchone()[0]
        assert not found or any(piece.marked for piece in pieces)
    connection.close()


@given(st.text(alphabet="ab ß東", min_size=1, max_size=30))
def test_a_text_is_found_by_its_own_words(text: str) -> None:
    query = parse_query(text)
    assert not query.terms or any(piece.marked for piece in highlight(text, query))


def test_words_are_marked_with_their_accents_and_inside_words_on_demand() -> None:
    def marked(text: str, typed: str, *, inner: bool = False) -> list[str]:
        return [piece.text for piece in highlight(text, parse_query(typed), inner=inner) if piece.marked]

    assert marked("Die Straße am Café", "strasse cafe") == ["Straße", "Café"]
    assert marked("Weihnachtsfilm", "film") == []
    assert marked("Weihnachtsfilm", "film", inner=True) == ["film"]
    assert marked("Weihnachtsfilm", "lm", inner=True) == []
    assert marked("東京タワー", "タワ") == ["タワ"]
    assert marked("old boat, old", '"old boat"') == ["old boat"]


def test_an_excerpt_shows_the_surroundings_of_the_first_match() -> None:
    text = "word " * 100 + "treasure\nis here " + "more " * 100
    shown = excerpt(text, parse_query("treasure"))
    assert shown is not None
    assert "treasure is here" in shown
    assert len(shown) <= EXCERPT + 4
    assert shown.startswith("… word")
    assert shown.endswith(" …")
    assert excerpt("short treasure", parse_query("treasure")) == "short treasure"
    assert excerpt(text, parse_query("nothing")) is None
