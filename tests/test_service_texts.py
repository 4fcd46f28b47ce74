"""Texts for users in every language of the Union."""

from __future__ import annotations

from string import Formatter

import pytest

from corpus.languages import EU_LANGUAGES, OTHER_LANGUAGES
from service.texts import FOLDER, text_languages, texts


def placeholders(language: str) -> dict[tuple[str, str], list[str]]:
    """Each text's placeholders, sorted; reading them proves the braces well formed."""
    return {
        (group, name): sorted(field for _, field, _, _ in Formatter().parse(text) if field is not None)
        for group, members in texts(language).items()
        for name, text in members.items()
    }


def test_there_is_a_file_for_each_language_of_the_union() -> None:
    assert text_languages() == tuple(sorted(EU_LANGUAGES))


@pytest.mark.parametrize("language", sorted(EU_LANGUAGES))
def test_keys_and_placeholders_are_those_of_english(language: str) -> None:
    assert placeholders(language) == placeholders("en")


@pytest.mark.parametrize("language", sorted(EU_LANGUAGES))
def test_no_text_is_empty_and_file_is_its_language_alone(language: str) -> None:
    found = [text for members in texts(language).values() for text in members.values()]
    assert all(isinstance(text, str) and text.strip() == text != "" for text in found)
    if language != "en":
        english = [text for members in texts("en").values() for text in members.values()]
        # Some words are the same in two languages, sentences are not.
        assert not {text for text in found if len(text) > 25} & set(english)


@pytest.mark.parametrize("language", sorted(EU_LANGUAGES))
def test_every_refusal_names_where_to_turn(language: str) -> None:
    for name in ("no_match", "low_confidence", "two_close", "out_of_scope"):
        said = texts(language)["answers"][name].format(mailbox="office@example.org", first="Erste?", second="Zweite?")
        assert "office@example.org" in said
        assert ("Erste?" in said and "Zweite?" in said) == (name == "two_close")


@pytest.mark.parametrize("language", [*OTHER_LANGUAGES, "xx", "", "../en"])
def test_other_languages_fall_back_to_english(language: str) -> None:
    assert texts(language) == texts("en")


def test_folder_holds_nothing_else() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{language}.yaml" for language in EU_LANGUAGES}
