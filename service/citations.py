"""Checking a citation against the documents of the index."""

from __future__ import annotations

from index.contents import Contents
from service.schemas import VerifyRequest, VerifyResponse


def verify_citation(claim: VerifyRequest, contents: Contents) -> VerifyResponse:
    """True when the quote stands, to the character, where the citation says."""
    document = contents.documents.get(claim.doc_id, {}).get(claim.language)
    if document is None:
        return _no(f"There is no document {claim.doc_id!r} in {claim.language!r}.", None)
    checksum = document.sha256
    if claim.sha256 is not None and claim.sha256 != checksum:
        return _no("The document has changed since: its checksum is another.", checksum)
    if claim.passage_id is None:
        text = document.text
        if claim.text is not None and claim.text not in text:
            return _no("The passage does not stand in the document.", checksum)
        text = claim.text if claim.text is not None else text
    else:
        passage = contents.passage(claim.doc_id, claim.passage_id)
        if passage is None or passage.language != claim.language:
            return _no(f"There is no passage {claim.passage_id!r} in that document.", checksum)
        if claim.text is not None and claim.text != passage.text:
            return _no("The passage reads otherwise.", checksum)
        text = passage.text
    if text[claim.start : claim.end] != claim.quote:
        return _no(f"Characters {claim.start} to {claim.end} read otherwise than the quote.", checksum)
    return VerifyResponse(valid=True, reason=None, document_sha256=checksum)


def _no(reason: str, checksum: str | None) -> VerifyResponse:
    return VerifyResponse(valid=False, reason=reason, document_sha256=checksum)
