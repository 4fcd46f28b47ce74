"""How the Union's institutions cite an article, paragraph or point, language by language.

Source: the Interinstitutional Style Guide and the usage of the acts themselves. A language that is
not listed gets the compact neutral form, `53(1)(a)` after the article's own printed name.
"""

from __future__ import annotations

from dataclasses import dataclass

_DIGITS = tuple(str(number) for number in range(1, 21))


@dataclass(frozen=True, slots=True)
class Words:
    """Templates that are appended to what encloses them; `{}` is the number or letter without brackets."""

    recital: str = "({})"
    paragraph: str = "({})"
    letter: str = "({})"
    number: str = "({})"
    subparagraph: str = " ¶ {}"
    unnumbered: str = " ¶ {}"
    ordinals: tuple[str, ...] = _DIGITS
    annex_point: str = ", {}"
    annex_letter: str = "({})"
    point_after_ordinal: str = ", ({})"
    final: str = "Concluding formulas"
    journal: str = "OJ L"
    state: str = "As published in the Official Journal ({}); later amendments and corrigenda are not included"

    def ordinal(self, number: int) -> str:
        return self.ordinals[number - 1] if number <= len(self.ordinals) else str(number)


NEUTRAL = Words()

WORDS: dict[str, Words] = {
    "en": Words(
        recital="Recital {}",
        subparagraph=", {} subparagraph",
        unnumbered=", {} paragraph",
        ordinals=("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"),
        annex_point=", point {}",
        point_after_ordinal=", point ({})",
    ),
    "fr": Words(
        recital="Considérant {}",
        paragraph=", paragraphe {}",
        letter=", point {})",
        number=", point {})",
        subparagraph=", {} alinéa",
        unnumbered=", {} alinéa",
        ordinals=(
            *("premier", "deuxième", "troisième", "quatrième", "cinquième"),
            *("sixième", "septième", "huitième", "neuvième", "dixième"),
        ),
        annex_point=", point {}",
        annex_letter=" {})",
        point_after_ordinal=", point {})",
        final="Formule finale",
        journal="JO L",
        state="Tel que publié au Journal officiel ({}), sans les modifications et rectificatifs ultérieurs",
    ),
    "nl": Words(
        recital="Overweging {}",
        paragraph=", lid {}",
        letter=", punt {})",
        number=", punt {})",
        subparagraph=", {} alinea",
        unnumbered=", {} alinea",
        ordinals=("eerste", "tweede", "derde", "vierde", "vijfde", "zesde", "zevende", "achtste", "negende", "tiende"),
        annex_point=", punt {}",
        annex_letter=", {})",
        point_after_ordinal=", punt {})",
        final="Slotformule",
        journal="PB L",
        state="Zoals bekendgemaakt in het Publicatieblad ({}); latere wijzigingen en rectificaties zijn niet opgenomen",
    ),
    "de": Words(
        recital="Erwägungsgrund {}",
        paragraph=" Absatz {}",
        letter=" Buchstabe {}",
        number=" Nummer {}",
        subparagraph=" Unterabsatz {}",
        unnumbered=" Absatz {}",
        annex_point=" Nummer {}",
        annex_letter=" Buchstabe {}",
        point_after_ordinal=" Buchstabe {}",
        final="Schlussformel",
        journal="ABl. L",
        state="In der im Amtsblatt veröffentlichten Fassung ({}), ohne spätere Änderungen und Berichtigungen",
    ),
    "es": Words(
        recital="Considerando {}",
        paragraph=", apartado {}",
        letter=", letra {})",
        number=", punto {}",
        subparagraph=", párrafo {}",
        unnumbered=", párrafo {}",
        ordinals=(
            *("primero", "segundo", "tercero", "cuarto", "quinto"),
            *("sexto", "séptimo", "octavo", "noveno", "décimo"),
        ),
        annex_point=", punto {}",
        annex_letter=", letra {})",
        point_after_ordinal=", letra {})",
        final="Fórmula final",
        journal="DO L",
    ),
    "it": Words(
        recital="Considerando {}",
        paragraph=", paragrafo {}",
        letter=", lettera {})",
        number=", punto {})",
        subparagraph=", {} comma",
        unnumbered=", {} comma",
        ordinals=("primo", "secondo", "terzo", "quarto", "quinto", "sesto", "settimo", "ottavo", "nono", "decimo"),
        annex_point=", punto {}",
        annex_letter=", lettera {})",
        point_after_ordinal=", lettera {})",
        final="Formula finale",
        journal="GU L",
    ),
}


def words_of(language: str) -> Words:
    """The language's templates, or the neutral ones."""
    return WORDS.get(language, NEUTRAL)
