"""Languages: converts ISO 639 codes of two or three letters to BCP 47 tags, and names them."""

import re
from functools import lru_cache

from streamtime.translation import Language, current_language

UNKNOWN = "und"

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")

_THREE_LETTERS = {
    "afr": "af", "alb": "sq", "amh": "am", "ara": "ar", "arm": "hy", "aze": "az", "baq": "eu", "bel": "be",
    "ben": "bn", "bos": "bs", "bul": "bg", "bur": "my", "cat": "ca", "ces": "cs", "chi": "zh", "cym": "cy",
    "cze": "cs", "dan": "da", "deu": "de", "dut": "nl", "ell": "el", "eng": "en", "epo": "eo", "est": "et",
    "eus": "eu", "fao": "fo", "fas": "fa", "fin": "fi", "fra": "fr", "fre": "fr", "fry": "fy", "geo": "ka",
    "ger": "de", "gla": "gd", "gle": "ga", "glg": "gl", "gre": "el", "guj": "gu", "hat": "ht", "hau": "ha",
    "heb": "he", "hin": "hi", "hrv": "hr", "hun": "hu", "hye": "hy", "ibo": "ig", "ice": "is", "ind": "id",
    "isl": "is", "ita": "it", "jav": "jv", "jpn": "ja", "kan": "kn", "kat": "ka", "kaz": "kk", "khm": "km",
    "kin": "rw", "kir": "ky", "kor": "ko", "kur": "ku", "lao": "lo", "lat": "la", "lav": "lv", "lit": "lt",
    "ltz": "lb", "mac": "mk", "mal": "ml", "mao": "mi", "mar": "mr", "may": "ms", "mkd": "mk", "mlg": "mg",
    "mlt": "mt", "mon": "mn", "mri": "mi", "msa": "ms", "mya": "my", "nep": "ne", "nld": "nl", "nno": "nn",
    "nob": "nb", "nor": "no", "oci": "oc", "ori": "or", "pan": "pa", "per": "fa", "pol": "pl", "por": "pt",
    "pus": "ps", "que": "qu", "roh": "rm", "ron": "ro", "rum": "ro", "rus": "ru", "san": "sa", "sin": "si",
    "slk": "sk", "slo": "sk", "slv": "sl", "som": "so", "spa": "es", "sqi": "sq", "srp": "sr", "sun": "su",
    "swa": "sw", "swe": "sv", "tam": "ta", "tat": "tt", "tel": "te", "tgk": "tg", "tgl": "tl", "tha": "th",
    "tib": "bo", "tir": "ti", "tuk": "tk", "tur": "tr", "uig": "ug", "ukr": "uk", "urd": "ur", "uzb": "uz",
    "vie": "vi", "wel": "cy", "xho": "xh", "yid": "yi", "yor": "yo", "zho": "zh", "zul": "zu", "bod": "bo",
}  # fmt: skip
"""ISO 639-2 codes, bibliographic and terminological, to ISO 639-1 (RFC 5646 section 2.2.1: the shortest code)."""

_NAMES = {
    "af": "Afrikaans", "ar": "Arabic", "be": "Belarusian", "bg": "Bulgarian", "bn": "Bengali", "bs": "Bosnian",
    "ca": "Catalan", "cs": "Czech", "cy": "Welsh", "da": "Danish", "de": "German", "el": "Greek", "en": "English",
    "eo": "Esperanto", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian", "fi": "Finnish",
    "fr": "French", "ga": "Irish", "gl": "Galician", "gu": "Gujarati", "he": "Hebrew", "hi": "Hindi",
    "hr": "Croatian", "hu": "Hungarian", "hy": "Armenian", "id": "Indonesian", "is": "Icelandic", "it": "Italian",
    "ja": "Japanese", "ka": "Georgian", "kk": "Kazakh", "ko": "Korean", "la": "Latin", "lb": "Luxembourgish",
    "lt": "Lithuanian", "lv": "Latvian", "mk": "Macedonian", "ml": "Malayalam", "mr": "Marathi", "ms": "Malay",
    "nb": "Norwegian Bokmål", "nl": "Dutch", "nn": "Norwegian Nynorsk", "no": "Norwegian", "pa": "Punjabi",
    "pl": "Polish", "pt": "Portuguese", "pt-BR": "Portuguese (Brazil)", "rm": "Romansh", "ro": "Romanian",
    "ru": "Russian", "sk": "Slovak", "sl": "Slovenian", "sq": "Albanian", "sr": "Serbian", "sv": "Swedish",
    "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "th": "Thai", "tl": "Tagalog", "tr": "Turkish",
    "uk": "Ukrainian", "ur": "Urdu", "vi": "Vietnamese", "yi": "Yiddish", "zh": "Chinese",
    "zh-Hans": "Chinese (simplified)", "zh-Hant": "Chinese (traditional)",
}  # fmt: skip


def language_choices() -> list[tuple[str, str]]:
    """Return tags and names to choose from, by name, in the language of the request."""
    return list(_choices(current_language()))


@lru_cache(maxsize=64)
def _choices(language: Language) -> tuple[tuple[str, str], ...]:
    names = dict(_NAMES)
    if not language.is_source:
        names = {tag: language.name_of(tag) or name for tag, name in names.items()}
    return tuple(sorted(names.items(), key=lambda item: item[1].casefold()))


def bcp47(code: str | None) -> str | None:
    """Return the BCP 47 tag of a language code from a file or a user; None if it is no language."""
    text = (code or "").strip().replace("_", "-")
    if not _TAG.fullmatch(text):
        return None
    first, *others = text.split("-")
    first = _THREE_LETTERS.get(first.lower(), first.lower())
    if first in {UNKNOWN, "mis", "mul", "zxx"}:
        return None
    return "-".join([first, *map(_subtag, others)])


def language_name(tag: str | None) -> str | None:
    """Return the English name of a language; its tag if no name is known."""
    if tag is None:
        return None
    return _NAMES.get(tag) or _NAMES.get(tag.split("-")[0]) or tag


def _subtag(text: str) -> str:
    """Return a subtag in its recommended case: `US`, `Latn` (RFC 5646 section 2.1.1)."""
    if len(text) == 2:  # noqa: PLR2004  (ISO 3166 countries)
        return text.upper()
    return text.title() if len(text) == 4 and text.isalpha() else text.lower()  # noqa: PLR2004  (ISO 15924 scripts)
