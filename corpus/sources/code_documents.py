"""What we know of the General-Purpose AI Code of Practice: its parts, their official links and dates.

Source: https://digital-strategy.ec.europa.eu/en/policies/contents-code-gpai
"""

from __future__ import annotations

from dataclasses import dataclass

PUBLISHER = "European Commission, AI Office"
STATE = "Final version of the Code as published on 10 July 2025"
PUBLISHED = "2025-07-10"
NAME = "Code of Practice for General-Purpose AI Models"
_DOWNLOADS = "https://ec.europa.eu/newsroom/dae/redirection/document"


@dataclass(frozen=True, slots=True)
class CodePart:
    """`marker` is the line of the title page that tells the part."""

    doc_id: str
    marker: str
    url: str

    @property
    def title(self) -> str:
        return f"{NAME} – {self.marker}"


PARTS = (
    CodePart("code-transparency", "Transparency Chapter", f"{_DOWNLOADS}/118120"),
    CodePart("code-copyright", "Copyright Chapter", f"{_DOWNLOADS}/118115"),
    CodePart("code-safety-security", "Safety and Security Chapter", f"{_DOWNLOADS}/118119"),
)
FORM = CodePart("code-model-documentation-form", "Model Documentation Form", f"{_DOWNLOADS}/118118")


def code_part(title_page: str) -> CodePart | None:
    """The chapter whose title page this is, or None for another document."""
    page = " ".join(title_page.split())
    if "Code of Practice" not in page or "General-Purpose AI" not in page:
        return None
    return next((part for part in PARTS if part.marker in page), None)
