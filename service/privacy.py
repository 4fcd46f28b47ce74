"""Masks personal data in a text before it is kept: e-mail addresses, IBANs, national identity and telephone numbers.

Numbers are checked by python-stdnum (check digits) and phonenumbers (numbering plans). Because people mistype, whatever
else looks like a number of somebody is masked too: five digits in a word, nine in a row of groups. Dates, the numbers
of legal acts and round amounts stay. Names cannot be told from other words and are not masked.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import import_module
from types import ModuleType

from phonenumbers import Leniency, PhoneNumberMatcher
from stdnum import iban
from stdnum.exceptions import ValidationError

EMAIL, IBAN, PHONE, NATIONAL_ID, NUMBER = "[e-mail]", "[IBAN]", "[phone]", "[national id]", "[number]"

_STATES = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
REGIONS = tuple(_STATES.split())
"""The member states of the Union."""

# Those with check digits that python-stdnum knows; the others (of Hungary, Luxembourg, Malta) are masked as numbers.
_NATIONAL = """
    at.vnr be.nn be.bis bg.egn bg.pnf cy.vat cz.rc de.idnr dk.cpr ee.ik es.dni es.nie fi.hetu fr.nir fr.nif gr.amka
    gr.vat hr.oib ie.pps it.codicefiscale lt.asmens lv.pvn nl.bsn pl.pesel pt.cc pt.nif ro.cnp se.personnummer si.emso
    sk.rc
"""

_EMAIL = re.compile(r"[^\s@<>()\[\],;:\"]+@[^\s@<>()\[\],;:\"]+\.[^\W\d_]{2,}")
_IBAN = re.compile(r"\b[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]){11,30}\b")
_WORD = re.compile(r"[^\W_]+(?:[./+-]+[^\W_]+)*")
_GROUPS = re.compile(r"(?<!\w)\(?\+?\d(?:[ ./()-]{0,2}\d){8,}")
_DIGITS_IN_WORD = re.compile(r"\b(?=(?:[^\W\d_]*\d){5})[^\W_]+\b")
_HARMLESS = re.compile(
    r"""(?<![\w/.+-])(?:
        \d{4}-\d\d-\d\d | \d{1,2}[./]\ ?\d{1,2}[./]\ ?\d{4}   # dates
        | (?:19|20)\d\d/\d{1,4} | \d{1,4}/(?:19|20)\d\d       # legal acts
        | 3\d{4}[A-Z]{1,2}\d{4}                               # CELEX numbers
        | [1-9]0{4,} | [1-9]\d{0,2}(?:[ .,]000)+              # round amounts
    )(?!\w|[ ./-]?\d)""",
    re.VERBOSE,
)
_DIGIT = re.compile("[0-9]")
_SHORT = re.compile("[A-Z]{1,3}")  # a country, or letters of a number in groups
_DIGIT_BEFORE = re.compile(r"\d[ ./()-]{1,2}$")
_DIGIT_AFTER = re.compile(r"[ ./()-]{1,2}\d")
_MAX_WORDS = 8  # of one national number, in groups
_HIDE = {ord(str(digit)): chr(0xE000 + digit) for digit in range(10)}
_SHOW = {0xE000 + digit: str(digit) for digit in range(10)}


def mask(text: str) -> str:
    """The text, in Unicode's compatible form on one line, with what looks like personal data replaced by its kind."""
    plain = unicodedata.normalize("NFKC", text)
    # Characters that cannot be seen would hide a number from us, not from its reader.
    plain = "".join(c for c in plain if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn", "Cc") or c.isspace())
    plain = " ".join(plain.split())
    plain = "".join(str(unicodedata.digit(c)) if c.isdigit() and not c.isascii() else c for c in plain)
    plain = _EMAIL.sub(EMAIL, plain)
    plain = _HARMLESS.sub(lambda found: found[0].translate(_HIDE), plain)
    plain = _IBAN.sub(_iban, plain)
    plain = _phones(plain, None)
    plain = _national_ids(plain)
    plain = _GROUPS.sub(NUMBER, plain)
    plain = _DIGITS_IN_WORD.sub(NUMBER, plain)
    for region in REGIONS:
        if sum(character.isdigit() for character in plain) < 7:
            break
        plain = _phones(plain, region)
    return plain.translate(_SHOW)


def _iban(found: re.Match[str]) -> str:
    """What follows an IBAN may look like more of it: the longest beginning that holds is taken."""
    words = found[0].split(" ")
    for count in range(len(words), 0, -1):
        if iban.is_valid(" ".join(words[:count]), check_country=False):
            return " ".join([IBAN, *words[count:]])
    return found[0]


def _phones(text: str, region: str | None) -> str:
    """`region` None: numbers with their country's code only."""
    if not any(character.isdigit() for character in text):
        return text
    for match in reversed(list(PhoneNumberMatcher(text, region, leniency=Leniency.VALID))):
        if sum(character.isdigit() for character in match.raw_string) >= 6:
            text = text[: match.start] + PHONE + text[match.end :]
    return text


@cache
def _national_kinds() -> tuple[ModuleType, ...]:
    return tuple(import_module(f"stdnum.{name}") for name in _NATIONAL.split())


def _national_ids(text: str) -> str:
    """Only whole runs of words with digits are taken: a part of a telephone number may hold by chance."""
    words = [word for word in _WORD.finditer(text) if _DIGIT.search(word[0]) or _SHORT.fullmatch(word[0])]
    masked: list[tuple[int, int]] = []
    start = 0
    while start < len(words):
        for count in range(min(_MAX_WORDS, len(words) - start), 0, -1):
            begin, end = words[start].start(), words[start + count - 1].end()
            alone = not _DIGIT_BEFORE.search(text[:begin]) and not _DIGIT_AFTER.match(text[end:])
            if alone and _may_be_national(text[begin:end]):
                masked.append((begin, end))
                start += count - 1
                break
        start += 1
    for begin, end in reversed(masked):
        text = text[:begin] + NATIONAL_ID + text[end:]
    return text


def _may_be_national(candidate: str) -> bool:
    digits = len(_DIGIT.findall(candidate))
    if digits < 6 or len(candidate) > 30 or not re.fullmatch(r"[A-Za-z0-9 ./+-]+", candidate):
        return False
    return any(_holds(kind, candidate) for kind in _national_kinds())


def _holds(kind: ModuleType, candidate: str) -> bool:
    try:
        kind.validate(candidate)
    except ValidationError:
        return False
    return True
