from jinja2 import Environment

from streamtime.auth.access import Caller
from streamtime.auth.preferences import Preferences
from streamtime.http.assets import WebFiles
from streamtime.http.language import Languages
from streamtime.http.templates import Templates
from streamtime.translation import ENGLISH, current_language, gettext, in_language, ngettext, number_text, read_language

PSEUDO = read_language("en-XA", WebFiles().dist / "languages" / "en-XA.mo")
GERMAN = read_language("de", WebFiles().dist / "languages" / "de.mo")
PAYLOAD = "\"'><img src=x onerror=alert(1)>"


def languages() -> Languages:
    return Languages(WebFiles())


def chosen(*, cookie: str = "", accept: str = "", preference: str = "auto") -> str:
    headers = [(b"cookie", f"a=b; streamtime_language={cookie}".encode())] if cookie else []
    headers += [(b"accept-language", accept.encode())] if accept else []
    return languages().of({"headers": headers, "caller": Caller(preferences=Preferences(page_language=preference))}).tag


def test_a_language_is_chosen_by_cookie_then_by_header() -> None:
    assert chosen() == "en"
    assert chosen(accept="de-AT,de;q=0.9,en;q=0.5") == "de"
    assert chosen(accept="fr, en;q=0.1, de;q=0.3") == "de"
    assert chosen(accept="de;q=0, en") == "en"
    assert chosen(accept="xx, *;q=0.1") == "en"
    assert chosen(accept="de;q=lots,;;,=") == "en"
    assert chosen(cookie="en", accept="de") == "en"
    assert chosen(cookie="de") == "de"
    assert chosen(preference="en", cookie="de", accept="de") == "en"
    assert chosen(preference="xx", cookie="de", accept="en") == "de"
    assert chosen(cookie="../../etc", accept="de") == "de"


def test_languages_for_tests_are_not_offered() -> None:
    assert [each.tag for each in languages().offered][:2] == ["en", "de"]
    assert [each.name for each in languages().offered][:2] == ["English", "Deutsch"]
    assert chosen(accept="en-XA, ar-XB") == "en"
    assert chosen(cookie="ar-XB") == "ar-XB"


def test_texts_are_in_the_language_of_the_block_alone() -> None:
    assert gettext("Watch later") == "Watch later"
    with in_language(PSEUDO):
        assert current_language() is PSEUDO
        assert gettext("Watch later") != "Watch later"
    assert gettext("Watch later") == "Watch later"
    assert gettext("") == ""
    assert gettext("At %(percent)s %% of %(what)s", percent=5, what="it") == "At 5 % of it"


def test_numbers_and_plurals_follow_the_language() -> None:
    assert [ngettext("%(num)s video", "%(num)s videos", count) for count in (1, 1200)] == ["1 video", "1,200 videos"]
    with in_language(GERMAN):
        assert number_text(1234.5, digits=1) == "1.234,5"
    assert ENGLISH.direction == "ltr"
    assert read_language("ar-XB").direction == "rtl"


def test_a_translated_text_escapes_what_is_inserted() -> None:
    environment: Environment = Templates(WebFiles(), languages())._environment
    template = environment.from_string(
        '{{ _("Select %(title)s", title=title) }}'
        "{% trans title=title %}The video {{ title }} is here.{% endtrans %}"
        '{{ ngettext("%(num)s of %(title)s", "%(num)s of %(title)s", 2, title=title) }}'
    )
    for language in (ENGLISH, PSEUDO):
        with in_language(language):
            text = template.render(title=PAYLOAD)
        assert "<" not in text
        assert text.count("&lt;img") == 3
