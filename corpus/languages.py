"""The languages we speak of: ISO 639-1 codes with their own names."""

from __future__ import annotations

EU_LANGUAGES: dict[str, str] = {
    "bg": "български",
    "cs": "čeština",
    "da": "dansk",
    "de": "Deutsch",
    "el": "ελληνικά",
    "en": "English",
    "es": "español",
    "et": "eesti",
    "fi": "suomi",
    "fr": "français",
    "ga": "Gaeilge",
    "hr": "hrvatski",
    "hu": "magyar",
    "it": "italiano",
    "lt": "lietuvių",
    "lv": "latviešu",
    "mt": "Malti",
    "nl": "Nederlands",
    "pl": "polski",
    "pt": "português",
    "ro": "română",
    "sk": "slovenčina",
    "sl": "slovenščina",
    "sv": "svenska",
}

OTHER_LANGUAGES: dict[str, str] = {
    "ar": "العربية",
    "hi": "हिन्दी",
    "ja": "日本語",
    "ko": "한국어",
    "ru": "русский",
    "tr": "Türkçe",
    "uk": "українська",
    "zh": "中文",
}

LANGUAGES: dict[str, str] = EU_LANGUAGES | OTHER_LANGUAGES

REFERENCE_LANGUAGE = "fr"
"""The language that is cited where a document has it: the FAQ's own."""
