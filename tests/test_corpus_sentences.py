"""Sentences: where they end in the legal texts of the Union, and that nothing but space lies between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from corpus.languages import LANGUAGES
from corpus.sentences import sentence_spans


def split(text: str, language: str) -> list[str]:
    return [text[start:end] for start, end in sentence_spans(text, language)]


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("bg", ["Вж. чл. 53, ал. 1 от Акта.", "Доставчикът подписва."]),
        ("cs", ["Podle čl. 53 odst. 1 písm. a) to platí.", "Od 2. srpna 2025 je to povinné."]),
        ("da", ["Se art. 53, stk. 1.", "Udbyderen underskriver d. 2. august 2025.", "Ja."]),
        ("de", ["Gemäß Art. 53 Abs. 1 gilt dies.", "Vgl. Nr. 5.", "Am 2. August beginnt es."]),
        ("el", ["Βλ. άρθρο 53 παρ. 1.", "Ο πάροχος υπογράφει.", "Ποιος υπογράφει;", "Ο διευθυντής."]),
        ("en", ["See Art. 53 (e.g. its No. 5) and cf. Annex I.", "The provider, Mr. Smith, signs!", "Does he?"]),
        ("es", ["Véase el art. 53, apdo. 1.", "El proveedor de EE. UU. firma."]),
        ("et", ["Pakkuja allkirjastab 2. augustil 2025.", "Vt lk. 5."]),
        ("fi", ["Tarjoaja allekirjoittaa 2. elokuuta 2025.", "Se on hyvä."]),
        ("fr", ["Voir l’art. 53, par. 8.", "Le code s’applique (p. ex. le chap. 2).", "Vraiment ?", "Oui."]),
        ("ga", ["Féach Airt. 53 den Rialachán.", "Síníonn an soláthraí."]),
        ("hr", ["Vidi čl. 53. st. 1.", "Pružatelj potpisuje do 2. kolovoza 2025."]),
        ("hu", ["Augusztus 1. előtt kell aláírni.", "Vö. 2. pont."]),
        ("it", ["V. art. 53, par. 1.", "Il fornitore firma."]),
        ("lt", ["Tiekėjų prašome pasirašyti kodeksą iki rugpjūčio 1 d.", "Parašai bus paskelbti."]),
        ("lt", ["2025 m. liepos 10 d. Komisija paskelbė kodeksą.", "Jis galioja."]),
        ("lv", ["Sk. 53. panta 1. punktu.", "Sniedzējs paraksta 2025. gada 2. augustā.", "Jā."]),
        ("mt", ["Ara l-Art. 53 tal-Att.", "Il-fornitur jiffirma."]),
        ("nl", ["Zie art. 53, lid 1.", "De aanbieder (bv. een dochter) tekent."]),
        ("pl", ["Zob. art. 53 ust. 1 lit. a).", "Kodeks obowiązuje od 2 sierpnia 2025 r.", "Tak."]),
        ("pt", ["Ver o art. 53.º, n.º 1.", "O fornecedor assina."]),
        ("ro", ["A se vedea articolul 53 din Regulamentul privind IA.", "Orice derogare contează."]),
        ("sk", ["Podľa čl. 53 ods. 1 to platí.", "Od 2. augusta 2025 je to povinné."]),
        ("sl", ["Glej čl. 53.", "Ponudnik podpiše do 2. avgusta 2025."]),
        ("sv", ["Se art. 53 p. 1.", "Leverantören undertecknar t.ex. idag."]),
    ],
)
def test_legal_short_forms_and_dates_end_no_sentence(language: str, sentences: list[str]) -> None:
    assert split(" ".join(sentences), language) == sentences


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("ja", ["コードに署名できますか。", "はい、できます。"]),
        ("zh", ["可以签署吗？", "可以。"]),
        ("hi", ["क्या हम हस्ताक्षर कर सकते हैं?", " हाँ।", " फॉर्म भरें।"]),
        ("ar", ["هل يمكن التوقيع؟", " نعم."]),
    ],
)
def test_other_scripts_have_their_own_marks(language: str, sentences: list[str]) -> None:
    assert split("".join(sentences), language) == [sentence.strip() for sentence in sentences]


def test_a_heading_in_capitals_is_not_cut_after_each_word() -> None:
    assert split("ART. UNIC IA. OFICIUL", "ro") == ["ART. UNIC IA. OFICIUL"]


def test_a_number_after_an_acronym_begins_no_sentence() -> None:
    assert split("Ghidul privind IA. 53 de articole.", "ro") == ["Ghidul privind IA. 53 de articole."]


def test_paragraphs_are_not_joined() -> None:
    assert split("See the list of art.\n\nnext paragraph", "en") == ["See the list of art.", "next paragraph"]


def test_spans_are_character_offsets_beyond_the_basic_plane() -> None:
    text = "😀 𝔘nicode is fun! Yes."
    assert sentence_spans(text, "en") == [(0, text.index(" Yes")), (text.index("Yes"), len(text))]


@pytest.mark.parametrize("text", ["", " ", "\n\n \t"])
def test_white_space_holds_no_sentence(text: str) -> None:
    assert sentence_spans(text, "en") == []


@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(
            st.sampled_from(["Art. ", "53. ", "IA. ", "Ein ", "d. ", "nr.", "\n\n", "  ", "😀", "1 d. ", "Ó ", "? "])
        ).map("".join),
    ),
    st.sampled_from(sorted(LANGUAGES)),
)
def test_spans_are_in_order_and_only_white_space_lies_outside(text: str, language: str) -> None:
    spans = sentence_spans(text, language)
    at = 0
    for start, end in spans:
        assert at <= start < end <= len(text)
        assert not text[at:start].strip()
        assert text[start:end] == text[start:end].strip()
        at = end
    assert not text[at:].strip()
