"""What files say of languages becomes BCP 47, or nothing."""

import pytest

from streamtime.languages import bcp47, language_name


@pytest.mark.parametrize(
    ("said", "tag"),
    [
        ("ger", "de"), ("deu", "de"), ("de", "de"), ("ENG", "en"), ("pt-br", "pt-BR"), ("por_BR", "pt-BR"),
        ("chi", "zh"), ("zh-hant", "zh-Hant"), ("fil", "fil"), ("es-419", "es-419"), ("und", None), ("", None),
        (None, None), ("mul", None), ("english", None), ("e", None), ('en"', None), ("x" * 99, None),
    ],
)  # fmt: skip
def test_languages_become_tags(said: str | None, tag: str | None) -> None:
    assert bcp47(said) == tag


def test_languages_have_names() -> None:
    assert language_name("de") == "German"
    assert language_name("pt-BR") == "Portuguese (Brazil)"
    assert language_name("de-CH") == "German"
    assert language_name("fil") == "fil"
    assert language_name(None) is None
