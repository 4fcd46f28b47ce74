"""Which language a question is in: deterministic, thread-safe, about 0.07 ms.

Py3langid's naive Bayes model restricted to our languages, after scripts that only one of them uses.
Blending in langdetect's opinion where py3langid is unsure was measured and made it worse, so langdetect
(which knows neither Irish nor Maltese) stands beside it as an alternative and as the baseline of
`python -m eval languages`; the figures are in eval/LOG.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Protocol

from corpus.languages import LANGUAGES

# A script that one of our languages alone uses decides: a naive Bayes model trained on bytes does not know that.
_SCRIPTS = (
    ("ko", re.compile(r"[\uac00-\ud7af\u1100-\u11ff]")),
    ("el", re.compile(r"[\u0370-\u03ff\u1f00-\u1fff]")),
    ("hi", re.compile(r"[\u0900-\u097f]")),
    ("ar", re.compile(r"[\u0600-\u06ff]")),
    ("zh", re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")),
)
_KANA = re.compile(r"[\u3040-\u30ff]")
_MIN_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Detection:
    """A language code and how sure we are of it, in [0, 1]."""

    code: str
    confidence: float


class Detector(Protocol):
    def detect(self, text: str) -> Detection: ...


class NaiveBayesDetector:
    """The default. Source: py3langid 0.4, https://github.com/adbar/py3langid."""

    def __init__(self) -> None:
        from py3langid.langid import MODEL_FILE, LanguageIdentifier

        every = LanguageIdentifier.from_model_file(MODEL_FILE)
        every.set_languages(list(LANGUAGES))
        # One of its own for our languages: the former keeps the tables of all, three times as much memory.
        self._identifier = LanguageIdentifier(
            every.nb_ptc, every.nb_pc, every.nb_classes, every.tk_nextmove, every.tk_output, norm_probs=True,
            tk_row=every.tk_row,
        )  # fmt: skip

    def detect(self, text: str) -> Detection:
        letters = sum(character.isalpha() for character in text)
        for code, script in _SCRIPTS:
            if letters and len(script.findall(text)) >= _MIN_SHARE * letters:
                # Japanese may be written with few kana, Chinese with none.
                return Detection("ja" if code == "zh" and _KANA.search(text) else code, 1.0)
        code, confidence = self._identifier.classify(text)
        return Detection(str(code), min(1.0, float(confidence)))


class LangdetectDetector:
    """Google's language-detection by way of langdetect, seeded anew for each text so that it repeats itself."""

    def __init__(self) -> None:
        from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory

        DetectorFactory.seed = 0
        self._factory = DetectorFactory()
        self._factory.load_profile(PROFILES_DIRECTORY)

    def detect(self, text: str) -> Detection:
        from langdetect.lang_detect_exception import LangDetectException

        detector = self._factory.create()
        detector.append(text)
        try:
            candidates = detector.get_probabilities()
        except LangDetectException:
            candidates = []
        for candidate in candidates:
            code = candidate.lang.split("-")[0]
            if code in LANGUAGES:
                return Detection(code, min(1.0, float(candidate.prob)))
        return Detection("en", 0.0)


@cache
def detector(name: str) -> Detector:
    """The detector of that name, made once. Raises ValueError for an unknown name."""
    makers: dict[str, Callable[[], Detector]] = {"py3langid": NaiveBayesDetector, "langdetect": LangdetectDetector}
    if name not in makers:
        raise ValueError(f"The language detector {name!r} is unknown. Choose one of {', '.join(makers)}.")
    return makers[name]()
