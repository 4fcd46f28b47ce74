"""Languages of questions: scripts decide, the rest is told by words, and always in the same way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from corpus.detection import Detection, detector
from corpus.languages import EU_LANGUAGES, LANGUAGES

QUESTIONS = {
    "bg": "Може ли подписалият да оттегли подписа си от кодекса?",
    "cs": "Může signatář svůj podpis pod kodexem vzít zpět?",
    "da": "Kan en underskriver trække sin underskrift på kodeksen tilbage?",
    "de": "Kann ein Unterzeichner seine Unterschrift zurückziehen?",
    "el": "Μπορεί ένας υπογράφων να αποσύρει την υπογραφή του;",
    "en": "Can a signatory withdraw its signature from the code?",
    "es": "¿Puede un firmante retirar su firma del código?",
    "et": "Kas allakirjutanu võib oma allkirja tagasi võtta?",
    "fi": "Voiko allekirjoittaja peruuttaa allekirjoituksensa?",
    "fr": "Un signataire peut-il retirer sa signature du code ?",
    "ga": "An féidir le sínitheoir a shíniú a tharraingt siar?",
    "hr": "Može li potpisnik povući svoj potpis s kodeksa?",
    "hu": "Visszavonhatja-e az aláíró a kódexre tett aláírását?",
    "it": "Un firmatario può ritirare la propria firma dal codice?",
    "lt": "Ar pasirašiusysis subjektas gali atšaukti savo parašą?",
    "lv": "Vai parakstītājs var atsaukt savu parakstu?",
    "mt": "Firmatarju jista’ jirtira l-firma tiegħu mill-Kodiċi?",
    "nl": "Kan een ondertekenaar zijn handtekening weer intrekken?",
    "pl": "Czy sygnatariusz może wycofać swój podpis pod kodeksem?",
    "pt": "Um signatário pode retirar a sua assinatura do código?",
    "ro": "Poate un semnatar să își retragă semnătura de pe cod?",
    "sk": "Môže signatár svoj podpis pod kódexom odvolať?",
    "sl": "Ali lahko podpisnik umakne svoj podpis s kodeksa?",
    "sv": "Kan en undertecknare dra tillbaka sin underskrift?",
    "ar": "هل يمكن للموقّع أن يسحب توقيعه؟",
    "hi": "क्या कोई हस्ताक्षरकर्ता अपना हस्ताक्षर वापस ले सकता है?",
    "ja": "署名者は署名を撤回できますか。",
    "ko": "서명자가 서명을 철회할 수 있나요?",
    "ru": "Может ли подписавшийся отозвать свою подпись?",
    "tr": "Bir imzacı imzasını geri çekebilir mi?",
    "uk": "Чи може підписант відкликати свій підпис?",
    "zh": "签署方可以撤回签名吗？",
}


def test_one_question_stands_here_for_every_language() -> None:
    assert set(QUESTIONS) == set(LANGUAGES)


@pytest.mark.parametrize("code", sorted(LANGUAGES))
def test_a_question_in_each_language_is_told(code: str) -> None:
    found = detector("py3langid").detect(QUESTIONS[code])
    assert found.code == code
    assert 0.5 < found.confidence <= 1.0


@pytest.mark.parametrize("code", sorted(set(EU_LANGUAGES) - {"ga", "mt"}))
def test_the_alternative_tells_the_languages_that_it_knows(code: str) -> None:
    assert detector("langdetect").detect(QUESTIONS[code]).code == code


def test_the_alternative_knows_neither_irish_nor_maltese() -> None:
    assert {detector("langdetect").detect(QUESTIONS[code]).code for code in ("ga", "mt")}.isdisjoint({"ga", "mt"})


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("GPAIの署名", "ja"),
        ("署名期限の変更手続", "ja"),  # a single kana: Chinese characters alone do not make it Chinese
        ("署名期限", "zh"),
        ("GPAI 서명 기한", "ko"),
        ("GPAI κώδικας", "el"),
        ("GPAI कोड", "hi"),
        ("رمز GPAI", "ar"),
    ],
)
def test_a_script_of_one_language_decides_even_beside_latin_letters(text: str, code: str) -> None:
    assert detector("py3langid").detect(text) == Detection(code, 1.0)


def test_a_foreign_word_in_another_script_does_not_decide() -> None:
    assert detector("py3langid").detect("What does the Greek word κώδικας mean in the title of the page?").code == "en"


@pytest.mark.parametrize("name", ["py3langid", "langdetect"])
@pytest.mark.parametrize("text", ["", " ", "?!", "😀", "53", "\ud800", "x" * 20_000])
def test_any_text_gets_a_language_of_ours_and_a_probability(name: str, text: str) -> None:
    found = detector(name).detect(text)
    assert found.code in LANGUAGES
    assert 0.0 <= found.confidence <= 1.0


@pytest.mark.parametrize("name", ["py3langid", "langdetect"])
def test_threads_do_not_change_the_result(name: str) -> None:
    texts = [*QUESTIONS.values(), *(question[:12] for question in QUESTIONS.values())] * 4
    alone = [detector(name).detect(text) for text in texts]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(detector(name).detect, texts))
    assert together == alone


def test_a_detector_is_made_once_and_an_unknown_one_refused() -> None:
    assert detector("py3langid") is detector("py3langid")
    with pytest.raises(ValueError, match=r"'cld9' is unknown\. Choose one of py3langid, langdetect"):
        detector("cld9")
