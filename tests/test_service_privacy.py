"""Personal data in questions is masked before they are kept; what the questions are about is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.privacy import EMAIL, IBAN, NATIONAL_ID, NUMBER, PHONE, REGIONS, mask

# Made-up numbers whose check digits hold: from the documentation of python-stdnum, and of the authorities.
NATIONAL = {
    "AT": ["1237 010180", "1237010180"],
    "BE": ["85.07.30-033.28", "85 07 30 033 28"],
    "BG": ["8032056031", "7111 042 925"],
    "CY": ["10259033P"],
    "CZ": ["710319/2745", "7103192745"],
    "DE": ["36 574 261 809", "36574261809"],
    "DK": ["211062-5629", "2110625629"],
    "EE": ["36805280109"],
    "ES": ["54362315-K", "54362315K", "X-2482300W"],
    "FI": ["131052-308T"],
    "FR": ["2 95 10 99 126 111 93", "295109912611193", "253072B07300470"],
    "GR": ["01013099997", "094259216"],
    "HR": ["33392005961"],
    "HU": ["8071592153", "1-800101-0009"],
    "IE": ["6433435F", "6433435OA"],
    "IT": ["RCCMNL83S18D969H"],
    "LT": ["33309240064"],
    "LU": ["1893120105732"],
    "LV": ["161175-19997", "16117519997"],
    "MT": ["123456M", "0123456M"],
    "NL": ["111222333", "1112.22.333"],
    "PL": ["44051401359"],
    "PT": ["00000000 0 ZZ4", "501 964 843"],
    "RO": ["1630615123457"],
    "SE": ["880320-0016", "8803200016"],
    "SI": ["0101006500006"],
    "SK": ["710319/2745"],
}


def test_there_is_an_example_of_every_member_state() -> None:
    assert sorted(NATIONAL) == sorted(REGIONS) and len(REGIONS) == 27


@pytest.mark.parametrize(("state", "number"), [(state, number) for state in NATIONAL for number in NATIONAL[state]])
@pytest.mark.parametrize(
    "frame", ["My number is {}, may I sign?", "{}", "Can we (id: {}) withdraw?", "no 3: {} was mine"]
)
def test_national_numbers_are_masked(state: str, number: str, frame: str) -> None:
    masked = mask(frame.format(number))
    before, after = frame.split("{}")
    assert masked.startswith(before.rstrip()) and masked.endswith(after.lstrip())
    left = masked.removeprefix(before).removesuffix(after)
    assert left in (NATIONAL_ID, NUMBER, PHONE), left


def test_one_digit_mistyped_is_masked_too() -> None:
    for number in ("36574261808", "8803200017", "BE71096123456760", "44051401358"):
        assert mask(f"mine is {number}, yes") == f"mine is {NUMBER}, yes"


@pytest.mark.parametrize(
    "number",
    [
        "DE89 3704 0044 0532 0130 00",
        "DE89370400440532013000",
        "be71 0961 2345 6769",
        "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
    ],
)
def test_ibans_are_masked_and_what_follows_is_not(number: str) -> None:
    assert mask(f"Pay to {number} please, if we sign") == f"Pay to {IBAN} please, if we sign"


@pytest.mark.parametrize(
    "address", ["anna.kovacs@example.hu", "Jörg+x@bücher.example", "a_b@sub.example.co", "ΑΝΝΑ@παράδειγμα.ελ"]
)
def test_addresses_are_masked(address: str) -> None:
    assert mask(f"Write to {address}, or <{address}>.") == f"Write to {EMAIL}, or <{EMAIL}>."


@pytest.mark.parametrize(
    "number",
    [
        "+32 2 299 11 11", "+49 (0)30 1234567", "+33 1 23 45 67 89", "0032 2 299 11 11", "0471 12 34 56", "02/299.11.11",
        "030/12345678", "01 23 45 67 89", "20 12 34 56", "2122 1234", "020 7946 0958", "06-12345678", "(0471) 12.34.56",
        "+356 2122 1234", "699 123 4567",
    ],
)  # fmt: skip
def test_telephone_numbers_are_masked(number: str) -> None:
    masked = mask(f"Call me: {number} today")
    assert masked.startswith("Call me: ") and masked.endswith(" today")
    assert not any(character.isdigit() for character in masked), masked


@pytest.mark.parametrize(
    "text",
    [
        "Does Article 53(1)(a) of Regulation (EU) 2024/1689 apply from 2 August 2025?",
        "What changes on 2025-08-02, 02.08.2026 and 2. 8. 2027?",
        "Is 10^25 FLOP the threshold, or 10000000 or 35 000 000 or 15.000.000 euro?",
        "CELEX 32024R1689, Annex XI, recital 97, chapters 1, 2 and 3",
        "Ist die Frist 2025 oder 2026/2027?",
        "Directive 95/46 and 2016/679: 7 % of turnover",
    ],
)
def test_what_is_nobodys_stays(text: str) -> None:
    assert mask(text) == text


def test_numbers_that_hide_are_found() -> None:
    for hidden in (
        "３６５７４２６１８０９",
        "٣٦٥٧٤٢٦١٨٠٩",
        "365\u200b7426\u20601809",
        "36\u00a0574\u2009261\u202f809",
        "anna\u200b@example.hu",
    ):
        assert mask(f"x {hidden} y") in (f"x {NATIONAL_ID} y", f"x {EMAIL} y"), hidden


@given(st.text(max_size=60))
def test_any_text_is_masked_once_and_for_all(text: str) -> None:
    masked = mask(text)
    assert "\n" not in masked and isinstance(masked.encode("utf-8"), bytes)
    assert mask(masked) == masked


@given(st.integers(10_000, 10**15), st.sampled_from(["", " ", "a "]))
def test_no_long_number_is_kept_unless_it_is_round(number: int, before: str) -> None:
    kept = str(number) in mask(f"{before}{number} b")
    assert kept == (set(str(number)[1:]) == {"0"})
