"""Does a citation hold to the character?"""

from __future__ import annotations

import hashlib

import pytest

from index.snapshot import Snapshot
from service.answers import Answer
from service.citations import verify_citation
from service.pipeline import Ask, Pipeline
from service.schemas import CitationOut, VerifyRequest, citation_out


@pytest.fixture
def answer(pipeline: Pipeline) -> Answer:
    return pipeline.answer(Ask("is there a deadline for signing", top_k=3))


@pytest.fixture
def cited(answer: Answer) -> CitationOut:
    return citation_out(answer.passages[0].citation)


def valid(snapshot: Snapshot, claim: dict[str, object]) -> bool:
    return verify_citation(VerifyRequest.model_validate(claim), snapshot).valid


def test_every_citation_of_an_answer_holds(answer: Answer, snapshot: Snapshot) -> None:
    for passage in answer.passages:
        for citation in (passage.citation, passage.shown):
            said = verify_citation(VerifyRequest.model_validate(citation_out(citation).model_dump()), snapshot)
            document = snapshot.documents["faq"][citation.document.language]
            assert (said.valid, said.reason) == (True, None)
            assert said.document_sha256 == hashlib.sha256(document.text.encode("utf-8")).hexdigest()


def test_offsets_may_count_from_the_passage_its_text_or_the_document(cited: CitationOut, snapshot: Snapshot) -> None:
    whole = cited.model_dump()
    bare = {key: whole[key] for key in ("doc_id", "language", "quote", "start", "end")}
    assert valid(snapshot, bare | {"passage_id": cited.passage_id})
    assert valid(snapshot, bare | {"text": cited.text})
    moved = {"start": cited.document_start + cited.start, "end": cited.document_start + cited.end}
    assert valid(snapshot, bare | moved)
    assert not valid(snapshot, bare | moved | {"passage_id": cited.passage_id})
    assert not valid(snapshot, bare)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"doc_id": "other"}, "There is no document 'other' in 'fr'."),
        ({"language": "de"}, "There is no document 'faq' in 'de'."),
        ({"sha256": "0" * 64}, "The document has changed since: its checksum is another."),
        ({"passage_id": "faq.fr.no-such"}, "There is no passage 'faq.fr.no-such' in that document."),
        ({"passage_id": "faq.en.deadline"}, "There is no passage 'faq.en.deadline' in that document."),
        ({"text": "Other words."}, "The passage reads otherwise."),
        ({"passage_id": None, "text": "Other words."}, "The passage does not stand in the document."),
    ],
)
def test_what_does_not_hold_is_named(
    cited: CitationOut, snapshot: Snapshot, change: dict[str, object], reason: str
) -> None:
    said = verify_citation(VerifyRequest.model_validate(cited.model_dump() | change), snapshot)
    assert (said.valid, said.reason) == (False, reason)
    document = snapshot.documents["faq"]["fr"]
    assert said.document_sha256 == (None if "document '" in reason else document.sha256)


def test_one_character_off_does_not_hold(cited: CitationOut, snapshot: Snapshot) -> None:
    good = cited.model_dump()
    assert valid(snapshot, good)
    wrong: list[dict[str, object]] = [
        {"start": cited.start + 1},
        {"end": cited.end + 1} if cited.end < len(cited.text) else {"end": cited.end - 1},
        {"start": cited.start + 1, "end": cited.end + 1},
        {"quote": cited.quote.upper()},
        {"quote": cited.quote + " "},
        {"quote": cited.quote.replace("a", "\u0430")},  # Cyrillic
        {"start": cited.end, "end": cited.start},
        {"start": 10**30, "end": 10**31},
    ]
    for change in wrong:
        said = verify_citation(VerifyRequest.model_validate(good | change), snapshot)
        assert not said.valid
        assert said.reason is not None and said.reason.endswith("read otherwise than the quote.")
