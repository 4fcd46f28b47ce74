"""The shipped corpus: official wording verbatim, translations that hold together, banks that are full enough."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from html import unescape
from pathlib import Path

import pytest
import yaml
from conftest import CHECKOUT

from corpus.collection import Collection, read_collection
from corpus.documents import Document, reference_document
from corpus.languages import EU_LANGUAGES, OTHER_LANGUAGES
from corpus.sentences import sentence_spans

CORPUS = CHECKOUT / "corpus"
FAQ = "faq-signing"
MAILBOX = "EU-AIOFFICE-CODE-SIGNATURES@ec.europa.eu"
FAQ_PARAGRAPHS = 14
FAQ_SHA256 = "0ba7c65bdf15a831d432a4435290d0d4590bde2dbfc58c95e6430cc9c2a37332"
"""Of the seed's lines 2 to 15 joined by line feeds."""

SUMMARY_WORDS = range(60, 150 + 1)
COPIED_WORDS = 12

JULY_AUGUST = {  # as far as no case changes them
    "bg": ("юли", "август"), "cs": ("červenc", "srpn"), "da": ("juli", "august"), "de": ("Juli", "August"),
    "el": ("Ιουλίου", "Αυγούστου"), "en": ("July", "August"), "es": ("julio", "agosto"), "et": ("juuli", "august"),
    "fi": ("heinäkuuta", "elokuuta"), "fr": ("juillet", "août"), "ga": ("Iúil", "Lúnasa"), "hr": ("srpnja", "kolovoza"),
    "hu": ("július", "augusztus"), "it": ("luglio", "agosto"), "lt": ("liepos", "rugpjūčio"), "lv": ("jūlij", "august"),
    "mt": ("Lulju", "Awwissu"), "nl": ("juli", "augustus"), "pl": ("lipca", "sierpnia"), "pt": ("julho", "agosto"),
    "ro": ("iulie", "august"), "sk": ("júla", "august"), "sl": ("julija", "avgust"), "sv": ("juli", "augusti"),
}  # fmt: skip


@pytest.fixture(scope="module")
def shipped() -> Collection:
    return read_collection(CORPUS)


@pytest.fixture(scope="module")
def faq(shipped: Collection) -> dict[str, Document]:
    return shipped.versions()[FAQ]


def paragraphs(document: Document) -> list[str]:
    return [document.body(entry) for entry in document.entries]


def test_the_corpus_is_clean_and_holds_what_it_promises(shipped: Collection) -> None:
    languages = {doc_id: set(versions) for doc_id, versions in shipped.versions().items()}
    assert languages.pop(FAQ) == set(EU_LANGUAGES)
    assert languages == {doc_id: {"en", "fr"} for doc_id in ("ai-act-gpai", "code-of-practice", "gpai-topics")}


def test_the_french_faq_is_the_seed_word_for_word(faq: dict[str, Document], shared: Path) -> None:
    seed = (shared / "seed" / "faq-signing.fr.txt").read_text(encoding="utf-8").split("\n")
    assert paragraphs(faq["fr"]) == seed[1 : 1 + FAQ_PARAGRAPHS]


def test_the_french_faq_has_the_checksum_of_the_seed(faq: dict[str, Document]) -> None:
    found = paragraphs(faq["fr"])
    assert len(found) == FAQ_PARAGRAPHS
    assert hashlib.sha256("\n".join(found).encode()).hexdigest() == FAQ_SHA256


def test_only_the_french_faq_is_official_and_it_is_what_is_cited(faq: dict[str, Document]) -> None:
    authorities = {language: document.authority for language, document in faq.items()}
    assert authorities == {**dict.fromkeys(EU_LANGUAGES, "translation"), "fr": "official"}
    assert reference_document(faq) is faq["fr"]


@pytest.mark.parametrize("language", sorted(EU_LANGUAGES))
def test_a_translation_has_the_entries_and_sentences_of_the_french(faq: dict[str, Document], language: str) -> None:
    def counts(document: Document) -> dict[str, int]:
        return {e.entry_id: len(sentence_spans(document.body(e), document.language)) for e in document.entries}

    assert list(counts(faq[language])) == list(counts(faq["fr"]))
    assert counts(faq[language]) == counts(faq["fr"])


@pytest.mark.parametrize("language", sorted(EU_LANGUAGES))
def test_a_translation_keeps_numbers_addresses_and_dates(faq: dict[str, Document], language: str) -> None:
    july, august = JULY_AUGUST[language]
    months = {july: "juillet", august: "août"}
    for entry in faq["fr"].entries:
        french, own = faq["fr"].body(entry), faq[language].body(faq[language].entry(entry.entry_id))
        assert Counter(re.findall(r"\d+", own)) == Counter(re.findall(r"\d+", french)), entry.entry_id
        assert own.count(MAILBOX) == french.count(MAILBOX), entry.entry_id
        for month, in_french in months.items():
            assert (month.casefold() in own.casefold()) == (in_french in french), (entry.entry_id, month)


@pytest.mark.parametrize("language", sorted(EU_LANGUAGES))
def test_a_translation_uses_the_terms_of_its_glossary(faq: dict[str, Document], language: str) -> None:
    glossary = yaml.safe_load((CORPUS / "glossary" / f"{language}.yaml").read_text(encoding="utf-8"))
    terms: dict[str, list[str]] = glossary["terms"]
    entries: dict[str, list[str]] = glossary["entries"]
    assert set(entries) <= {entry.entry_id for entry in faq[language].entries}
    assert set(terms) == {term for used in entries.values() for term in used}, "each term stands in some entry"
    for entry_id, used in entries.items():
        body = faq[language].body(faq[language].entry(entry_id)).casefold()
        missing = [term for term in used if not any(form.casefold() in body for form in terms[term])]
        assert not missing, (entry_id, {term: terms[term] for term in missing})


def test_glossaries_name_the_same_terms_in_every_language() -> None:
    terms = {
        path.stem: set(yaml.safe_load(path.read_text(encoding="utf-8"))["terms"])
        for path in (CORPUS / "glossary").glob("*.yaml")
    }
    assert set(terms) == set(EU_LANGUAGES)
    assert all(found == terms["en"] for found in terms.values())


def summaries(shipped: Collection) -> list[Document]:
    return [document for document in shipped.documents if document.authority == "summary"]


def test_a_summary_entry_is_short_and_says_where_to_look(shipped: Collection) -> None:
    for document in summaries(shipped):
        for entry in document.entries:
            place = (document.doc_id, document.language, entry.entry_id)
            assert len(document.body(entry).split()) in SUMMARY_WORDS, place
            assert entry.reference, place
            assert entry.url.startswith("https://"), place


def test_summaries_in_french_and_english_hold_the_same_entries(shipped: Collection) -> None:
    versions = {document.doc_id: shipped.versions()[document.doc_id] for document in summaries(shipped)}
    for by_language in versions.values():
        french, english = ([entry.entry_id for entry in by_language[language].entries] for language in ("fr", "en"))
        assert french == english


# Defined terms and the number of an act cannot be put otherwise; each counts as one word.
NAMES = re.compile(r"modèles? d'ia à usage général(?: présentant un risque systémique)?|directive \(ue\) 2019/790")


def words(text: str) -> list[str]:
    plain = NAMES.sub("NAME", " ".join(text.casefold().replace("’", "'").split()))
    return [word for part in plain.split() if (word := part.strip(".,;:!?()«»“”\"'–-[]"))]


def runs(text: str) -> set[tuple[str, ...]]:
    own = words(text)
    return {tuple(own[at : at + COPIED_WORDS]) for at in range(len(own) - COPIED_WORDS + 1)}


def text_of_page(path: Path) -> str:
    page = re.sub(r"(?s)<(script|style).*?</\1>", " ", path.read_text(encoding="utf-8"))
    return unescape(re.sub(r"<[^>]+>", " ", page))


@pytest.mark.parametrize("language", ["en", "fr"])
def test_no_summary_copies_an_official_sentence(shipped: Collection, shared: Path, language: str) -> None:
    official = [text_of_page(shared / "corpus" / f"ai-act.{language}.html")]
    official += [path.read_text(encoding="utf-8") for path in sorted((shared / "corpus").glob(f"*.{language}.md"))]
    official += [document.text for document in shipped.documents if document.authority == "official"]
    known = set().union(*(runs(text) for text in official))
    assert len(known) > 10_000
    copied = {
        (document.doc_id, entry.entry_id, " ".join(run))
        for document in summaries(shipped)
        if document.language == language
        for entry in document.entries
        for run in runs(document.body(entry)) & known
    }
    assert not copied


def test_a_run_of_words_is_found_whatever_its_commas() -> None:
    sentence = "one two three four five six seven eight nine ten eleven twelve"
    assert runs(f"So: {sentence.replace(' ', ', ')}.") & runs(sentence) == {tuple(sentence.split())}


@pytest.mark.parametrize(
    ("languages", "at_least"), [(EU_LANGUAGES, 8), (OTHER_LANGUAGES, 4)], ids=["of the Union", "others"]
)
def test_every_faq_entry_has_enough_questions(
    shipped: Collection, faq: dict[str, Document], languages: dict[str, str], at_least: int
) -> None:
    found = Counter((q.language, q.entry_id) for q in shipped.bank if q.doc_id == FAQ)
    thin = {
        (language, entry.entry_id): found[language, entry.entry_id]
        for language in languages
        for entry in faq["fr"].entries
        if found[language, entry.entry_id] < at_least
    }
    assert not thin


def test_every_entry_of_every_document_is_asked_for(shipped: Collection) -> None:
    asked = {(question.doc_id, question.entry_id) for question in shipped.bank}
    unasked = {(d.doc_id, e.entry_id) for d in shipped.documents for e in d.entries} - asked
    assert not unasked


def test_unanswered_questions_stand_in_every_language(shipped: Collection) -> None:
    kinds = {(negative.language, negative.kind) for negative in shipped.negatives}
    wanted = {(language, kind) for language in EU_LANGUAGES | OTHER_LANGUAGES for kind in ("near_miss", "off_topic")}
    assert wanted <= kinds


def test_no_question_is_both_answered_and_unanswered(shipped: Collection) -> None:
    answered = {(question.language, question.text.casefold()) for question in shipped.bank}
    assert not answered & {(negative.language, negative.text.casefold()) for negative in shipped.negatives}
