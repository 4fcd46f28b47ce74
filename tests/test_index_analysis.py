"""Terms by language: what meets what, with and without accents, in every script."""

from __future__ import annotations

import unicodedata
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.languages import LANGUAGES
from index.analysis import grams, terms


def test_words_are_lowered_stemmed_and_kept_in_order_with_repeats() -> None:
    assert terms("Signing the FORMS, signing twice!", "en") == ["sign", "the", "form", "sign", "twice"]


def test_hyphens_and_apostrophes_separate_words_and_single_letters_are_left_out() -> None:
    assert terms("l’envoyant à l'adresse EU-AIOFFICE", "fr")[1:] == terms("adresse eu aioffice", "fr")
    assert terms("il-firma b'", "mt") == ["il", "firma"]


def test_pieces_are_runs_of_four_characters_with_the_edges_of_each_word() -> None:
    assert grams("Sign, a DÉJÀ", "fr") == [" sig", "sign", "ign ", " a ", " dej", "deja", "eja "]
    assert grams("日本語 ok", "ja") == ["日本", "本語", " ok "]
    assert grams("?! …", "en") == []


def test_digits_stay_even_alone() -> None:
    assert terms("Article 5(1), 10^25 in 2025", "en") == ["articl", "5", "1", "10", "25", "in", "2025"]


def test_compatibility_forms_are_one() -> None:
    assert terms("ﬁle № ２０２５", "en") == terms("file No 2025", "en")


@pytest.mark.parametrize(
    ("language", "with_accents"),
    [
        ("fr", "sûreté systémique"), ("de", "für Anhänge"), ("es", "código"), ("cs", "podepsání"), ("sk", "vyššie"),
        ("pl", "wycofać"), ("hu", "aláírás"), ("ro", "semnătură"), ("lt", "pasirašyti"), ("lv", "parakstīšana"),
        ("el", "υπογραφή"), ("pt", "assinatura já"), ("ga", "síniú"), ("tr", "şartları"), ("mt", "ġdid"), ("hr", "potpisaće"),
    ],
)  # fmt: skip
def test_a_question_without_accents_still_meets_the_text(language: str, with_accents: str) -> None:
    decomposed = unicodedata.normalize("NFD", with_accents)
    bare = "".join(character for character in decomposed if not unicodedata.combining(character))
    assert bare != with_accents
    assert set(terms(bare, language)) <= set(terms(with_accents, language))
    assert terms(decomposed, language) == terms(with_accents, language)


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [
        ("de", "Unterzeichner", "Unterzeichnern"),
        ("fr", "fournisseur", "fournisseurs"),
        ("pl", "podpisać", "podpisał"),
        ("hr", "potpisnik", "potpisnika"),
        ("uk", "підпис", "підпису"),
        ("hi", "हस्ताक्षर", "हस्ताक्षरों"),
        ("bg", "подписване", "подписвания"),
        ("sl", "podpisnik", "podpisniki"),
    ],
)
def test_forms_of_a_word_share_a_term(language: str, one: str, other: str) -> None:
    assert set(terms(one, language)) & set(terms(other, language))


@pytest.mark.parametrize("language", ["bg", "lv", "mt", "sl"])
def test_where_there_is_no_stemmer_a_word_is_cut_to_six_letters(language: str) -> None:
    assert terms("abcdefgh", language) == ["abcdef"]


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("ja", "署名する", ["署名", "名す", "する"]),
        ("zh", "签", ["签"]),
        ("ko", "서명 기한", ["서명", "기한"]),
        ("ja", "GPAI行動規範 に", ["gpai", "行動", "動規", "規範", "に"]),
        ("ko", "AI모델", ["ai", "모델"]),
        ("zh", "第53条", ["第", "53", "条"]),
        ("ja", "サイバー・セキュリティ々", ["サイ", "イバ", "バー", "セキ", "キュ", "ュリ", "リテ", "ティ", "ィ々"]),
        ("zh", "人々", ["人々"]),
    ],
)
def test_chinese_japanese_and_korean_become_pairs_of_characters(language: str, text: str, expected: list[str]) -> None:
    assert terms(text, language) == expected


def test_a_vowel_sign_does_not_end_a_word() -> None:
    assert len(terms("क्या हम हस्ताक्षर कर सकते हैं", "hi")) == len(["क्या", "हम", "हस्ताक्षर", "कर", "सकते", "हैं"])


def test_a_vowel_point_does_not_end_a_word() -> None:
    assert terms("موقِّع", "ar") == terms("موقع", "ar")


def test_a_turkish_capital_is_its_small_letter() -> None:
    assert terms("İmza", "tr") == terms("imza", "tr")


@given(st.text(max_size=80), st.sampled_from(sorted(LANGUAGES)))
def test_any_text_gives_terms_without_space_or_sign(text: str, language: str) -> None:
    for term in terms(text, language):
        assert any(character.isalnum() for character in term)
        assert not any(character.isspace() or character in ".,;:!?'’-_" for character in term)


@given(st.text(max_size=40), st.text(max_size=40), st.sampled_from(sorted(LANGUAGES)))
def test_terms_of_two_lines_are_those_of_each(one: str, other: str, language: str) -> None:
    assert terms(f"{one}\n{other}", language) == terms(one, language) + terms(other, language)


def test_threads_do_not_share_a_stemmer() -> None:
    texts = [f"signatories signing signatures {number}" for number in range(400)]
    alone = [terms(text, "en") for text in texts]
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda text: terms(text, "en"), texts)) == alone
