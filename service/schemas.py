"""What goes over HTTP. Names are the contract's; people script against them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StringConstraints, WithJsonSchema

from corpus.documents import Authority
from corpus.languages import LANGUAGES
from index.store import Manifest
from service.answers import Answer, AnswerPassage, Citation, Outcome, Summary
from service.fragments import fragment_url


def _number(value: object) -> object:
    """JSON's `true` and `"3"` are no numbers, whatever Python makes of them."""
    if isinstance(value, bool | str):
        raise ValueError("Input should be a whole number, without quotation marks")
    return value


def _day(value: object) -> object:
    """A day as text only: a number would be read as seconds since 1970."""
    if value is not None and not isinstance(value, date) and not (isinstance(value, str) and len(value) == 10):
        raise ValueError("Input should be a day such as 2026-08-02")
    return value


QuestionText = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1),
    WithJsonSchema({"type": "string", "minLength": 1, "pattern": r"\S"}),
]
LanguageCode = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z]{2}$"),
    # Described by its values; one that is unknown is refused where the others are named.
    WithJsonSchema({"type": "string", "enum": list(LANGUAGES)}),
]
WholeNumber = Annotated[int, BeforeValidator(_number)]
Day = Annotated[date, BeforeValidator(_day)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AnswerRequest(Strict):
    """A question, and how to answer it."""

    question: QuestionText = Field(description="The question, in any language, in your own words.")
    language: LanguageCode | None = Field(
        None, description="Language to answer in (ISO 639-1); null: the question's own."
    )
    top_k: WholeNumber = Field(3, ge=1, le=10, description="At most so many passages.")
    documents: list[str] | None = Field(None, description="Ids of the documents to search; null: all.", min_length=1)
    as_of: Day | None = Field(None, description="The day that dates in the text are compared with; null: today.")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"question": "Kann ich meine Unterschrift zurückziehen?"},
                {"question": "Who has to sign the form?", "language": "fr", "top_k": 1, "documents": ["faq-signing"]},
            ]
        },
    )


class LanguageOut(Strict):
    code: str
    confidence: float
    source: Literal["detected", "stated"]


class CitationOut(Strict):
    """The reference text. `quote == text[start:end]`, and `text` stands at `document_start` of the document, in
    characters; `sha256` is the checksum of that document as `GET /v1/documents/{doc_id}` returns it."""

    doc_id: str
    entry_id: str
    passage_id: str
    title: str
    heading: list[str]
    reference: str
    language: str
    text: str
    quote: str
    start: int
    end: int
    document_start: int
    document_end: int
    authority: Authority
    url: str
    published: str
    sha256: str


class NoteOut(Strict):
    """A date that the reference text mentions, as of the day asked."""

    date: date
    text: str
    about: str
    status: Literal["past", "today", "coming"]
    message: str


class PassageOut(Strict):
    """`text` is in the asker's language where the corpus has it; `citation` holds the reference text."""

    rank: int
    confidence: float
    entry_id: str
    text: str
    language: str
    authority: Authority
    heading: str
    quote: str
    start: int
    end: int
    notes: list[NoteOut]
    citation: CitationOut


class IndexOut(Strict):
    version: str
    built: str
    encoder: str


def index_out(manifest: Manifest) -> IndexOut:
    return IndexOut(version=manifest.version, built=manifest.built, encoder=manifest.fingerprint)


class SummarySentence(Strict):
    """One sentence, and the ranks of the passages that it was checked against."""

    text: str
    marks: list[int]


class SummaryOut(Strict):
    """Written by a language model from the cited passages, in the asker's language; what they do not support was left
    out. `text` is the sentences, each with its marks: `Yes, at any time. [1]`. Not a quote, and nothing to cite."""

    text: str
    sentences: list[SummarySentence]
    model: str


class AnswerResponse(Strict):
    """The answer. Where `outcome` is not `answered`, `message` says why in the asker's language, and `passages`
    (only with `low_confidence`) are perhaps related, not an answer. `summary` is null unless a writer is set up."""

    id: str
    question: str
    language: LanguageOut
    outcome: Outcome
    confidence: float
    message: str | None
    summary: SummaryOut | None = None
    passages: list[PassageOut]
    index: IndexOut


class HitOut(Strict):
    rank: int
    doc_id: str
    entry_id: str
    passage_id: str
    language: str
    score: float
    text: str


class SearchResponse(Strict):
    query: str
    language: LanguageOut
    hits: list[HitOut]
    index: IndexOut


class LanguageInfo(Strict):
    code: str
    name: str
    eu: bool = Field(description="An official language of the Union.")
    documents: list[str] = Field(description="Documents with a text in this language.")
    questions: int = Field(description="Questions in this language among the index keys.")


class LanguagesResponse(Strict):
    languages: list[LanguageInfo]


class VersionInfo(Strict):
    language: str
    title: str
    authority: Authority
    sha256: str


class DocumentInfo(Strict):
    doc_id: str
    title: str
    url: str
    publisher: str
    authority: Authority
    licence: str
    published: str
    retrieved: str
    reference_language: str
    entries: int
    versions: list[VersionInfo]


class DocumentsResponse(Strict):
    documents: list[DocumentInfo]
    index: IndexOut


class EntryOut(Strict):
    entry_id: str
    heading: list[str]
    reference: str
    url: str
    text: str
    start: int
    end: int


class DocumentResponse(Strict):
    """`text` is the whole file as stored: its UTF-8 bytes have the checksum `sha256`, its characters the offsets."""

    doc_id: str
    language: str
    title: str
    url: str
    publisher: str
    authority: Authority
    licence: str
    published: str
    retrieved: str
    note: str
    state: str
    sha256: str
    text: str
    entries: list[EntryOut]


class VerifyRequest(BaseModel):
    """A citation as an answer gave it; other fields of it may ride along."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                {
                    "doc_id": "faq-signing",
                    "language": "fr",
                    "passage_id": "faq-signing.fr.withdraw",
                    "quote": "Oui, un signataire peut retirer sa signature au Code à tout moment.",
                    "start": 0,
                    "end": 67,
                }
            ]
        },
    )

    doc_id: str
    language: str
    quote: Annotated[str, StringConstraints(min_length=1)]
    start: WholeNumber = Field(ge=0)
    end: WholeNumber = Field(ge=0)
    passage_id: str | None = None
    text: str | None = None
    sha256: str | None = None


class VerifyResponse(Strict):
    """`valid` is true when the quote stands there to the character; `reason` says what does not hold."""

    valid: bool
    reason: str | None
    document_sha256: str | None


class FeedbackRequest(Strict):
    """Whether an answer helped. Nothing but the count is kept."""

    id: str = Field(description="The answer's id.", max_length=64)
    helpful: StrictBool
    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"id": "0f3c…", "helpful": True}]})


class FeedbackResponse(Strict):
    accepted: bool


class Health(Strict):
    status: Literal["ok", "unready"]
    reason: str | None = None
    index: IndexOut | None = None


class FieldError(BaseModel):
    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457. The one shape of every error."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []


def citation_out(citation: Citation) -> CitationOut:
    document, entry = citation.document, citation.entry
    url = entry.url or document.url
    return CitationOut(
        doc_id=document.doc_id,
        entry_id=entry.entry_id,
        passage_id=citation.passage_id,
        title=document.title,
        heading=list(entry.path),
        reference=entry.reference,
        language=document.language,
        text=citation.text,
        quote=citation.quote,
        start=citation.start,
        end=citation.end,
        document_start=citation.passage_start,
        document_end=citation.passage_end,
        authority=document.authority,
        # A summary's words do not stand on the official page, so there is nothing there to scroll to.
        url=fragment_url(url, citation.quote) if document.authority == "official" else url,
        published=document.published,
        sha256=document.sha256,
    )


def passage_out(passage: AnswerPassage, rank: int) -> PassageOut:
    shown = passage.shown
    return PassageOut(
        rank=rank,
        confidence=round(passage.confidence, 4),
        entry_id=shown.entry.entry_id,
        text=shown.text,
        language=shown.document.language,
        authority=shown.authority,
        heading=shown.entry.heading,
        quote=shown.quote,
        start=shown.start,
        end=shown.end,
        notes=[
            NoteOut(date=note.day, text=note.excerpt, about=note.about, status=note.status, message=note.message)
            for note in passage.notes
        ],
        citation=citation_out(passage.citation),
    )


def summary_out(summary: Summary) -> SummaryOut:
    return SummaryOut(
        text=summary.text,
        sentences=[SummarySentence(text=claim.text, marks=list(claim.marks)) for claim in summary.sentences],
        model=summary.model,
    )


def answer_out(answer: Answer, answer_id: str, index: IndexOut) -> AnswerResponse:
    passages = answer.passages or answer.related
    return AnswerResponse(
        id=answer_id,
        question=answer.question,
        language=LanguageOut(
            code=answer.language.code, confidence=round(answer.language.confidence, 4), source=answer.language.source
        ),
        outcome=answer.outcome,
        confidence=round(answer.confidence, 4),
        message=answer.message,
        passages=[passage_out(passage, rank) for rank, passage in enumerate(passages, start=1)],
        index=index,
    )
