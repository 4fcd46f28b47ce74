"""What the browser tests stand on: the real app over a tiny corpus, with outcomes that the question's words decide,
and Debian's Chromium driven by Playwright. A plugin: `pytest_plugins = ("web_site",)` brings its fixtures; as pytest
imports it by that name, test modules import nothing from it."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any, cast

import numpy as np
import pytest
import uvicorn
from conftest import FRONT, ToyEncoder, make_settings

from corpus.collection import read_collection
from corpus.detection import Detection
from index.fusion import FEATURES, Fusion
from index.hybrid import HybridRetriever
from index.retrieval import Ranking
from index.snapshot import build_snapshot, load_snapshot
from service.answers import Outcome
from service.app import create_app
from service.confidence import Judge, Verdict
from service.engine import Engine
from service.pipeline import Pipeline

_AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

ATTACK = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'

_ENTRIES = {
    "fr": (
        ("Général", "Peut-on retirer sa signature ?", "Oui, la signature peut être retirée à tout moment."),
        ("Quelle est la date limite ?", "Il n'y a pas de date limite. Signez avant le 1er août. Les noms sont publiés."),
        ("Que dit le symbole ?", "Voici 🏛️🖋️ deux symboles. Le symbole 𝔖 marque la signature. Fin du passage."),
        (f"Attaque {ATTACK}", f"Attaque : {ATTACK} reste du texte."),
    ),
    "en": (
        ("General", "Can a signature be withdrawn?", "Yes, the signature can be withdrawn at any time."),
        ("What is the deadline?", "There is no deadline. Sign before 1 August. The names are published."),
        ("What does the symbol say?", "Here are 🏛️🖋️ two symbols. The symbol 𝔖 marks the signature. End of passage."),
        (f"Attack {ATTACK}", f"Attack: {ATTACK} remains text."),
    ),
    "el": (
        ("Γενικά", "Μπορεί να αποσυρθεί η υπογραφή;", "Ναι, η υπογραφή μπορεί να αποσυρθεί ανά πάσα στιγμή."),
        ("Ποια είναι η προθεσμία;", "Δεν υπάρχει προθεσμία. Υπογράψτε πριν από την 1η Αυγούστου. Τα ονόματα δημοσιεύονται."),
        ("Τι λέει το σύμβολο;", "Εδώ είναι 🏛️🖋️ δύο σύμβολα. Το σύμβολο 𝔖 δηλώνει την υπογραφή. Τέλος."),
        (f"Επίθεση {ATTACK}", f"Επίθεση: {ATTACK} μένει κείμενο."),
    ),
}  # fmt: skip
_IDS = ("withdraw", "deadline", "symbol", "attack")
_TITLES = {"fr": "Questions sur la signature", "en": "Questions about signing", "el": "Ερωτήσεις για την υπογραφή"}
_SUMMARY = {
    "fr": (
        "Résumé du règlement",
        "Obligations",
        "Qui est fournisseur ?",
        "Un fournisseur conçoit le modèle.\n\nLe prix ne compte pas.",
    ),
    "en": (
        "Summary of the act",
        "Duties",
        "Who is a provider?",
        "A provider builds the model.\n\nThe price does not count.",
    ),
}
_BANK = """withdraw: ["can we withdraw our signature", "μπορούμε να αποσύρουμε την υπογραφή"]
deadline: ["is there a deadline for signing"]
symbol: ["which symbol marks the signature"]
attack: ["attack with markup"]
"""


def write_site_corpus(folder: Path) -> Path:
    """An official FAQ in French with two translations, and a summary in two languages. One entry holds markup."""
    for language, ((section, *first), *others) in _ENTRIES.items():
        authority = "official" if language == "fr" else "translation"
        front = FRONT.format(title=_TITLES[language], language=language, authority=authority, section=section)
        blocks = [
            f"## {heading} {{#{entry}}}\n\n{text}\n"
            for entry, (heading, text) in zip(_IDS, [first, *others], strict=True)
        ]
        _write(folder / "data" / "faq" / f"{language}.md", front + "\n".join(blocks))
    for language, (title, section, heading, text) in _SUMMARY.items():
        front = FRONT.format(title=title, language=language, authority="summary", section=section)
        entry = f'## {heading} {{#provider ref="Article 3" url="https://example.org/act#art_3"}}\n\n{text}\n'
        _write(folder / "data" / "act" / f"{language}.md", front + entry)
    _write(folder / "questions" / "faq" / "en.yaml", _BANK)
    _write(folder / "questions" / "act" / "en.yaml", 'provider: ["who counts as a provider of a model"]\n')
    return folder


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


class ScriptedJudge:
    """The outcome by a word of the question; anything else is answered."""

    outcomes: tuple[tuple[str, Outcome, float], ...] = (
        ("weather", "out_of_scope", 0.02),
        ("post", "no_match", 0.3),
        ("perhaps", "low_confidence", 0.62),
    )

    def judge(self, ranking: Ranking) -> Verdict:
        for word, outcome, confidence in self.outcomes:
            if word in ranking.query.text.casefold():
                return Verdict(outcome, confidence, 0.5)
        return Verdict("answered", 0.97, 0.99)


class ScriptDetector:
    """The language by the script: Greek, Arabic, else English."""

    def detect(self, text: str) -> Detection:
        for code, first, last in (("el", "\u0370", "\u03ff"), ("ar", "\u0600", "\u06ff")):
            if any(first <= character <= last for character in text):
                return Detection(code, 1.0)
        return Detection("en", 1.0)


@contextmanager
def served(app: Any) -> Iterator[str]:
    """Serve an ASGI app on a free port of loopback; gives its address, without a slash at the end."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on"))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = monotonic() + 20
        while not server.started:
            if monotonic() > deadline or not thread.is_alive():
                raise RuntimeError("The server did not start within 20 seconds.")
            sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture
def attack() -> str:
    """Markup that stands in the corpus's entry `attack`."""
    return ATTACK


@pytest.fixture(scope="session")
def site_pipeline(tmp_path_factory: pytest.TempPathFactory) -> Pipeline:
    folder = tmp_path_factory.mktemp("site")
    collection = read_collection(write_site_corpus(folder / "corpus"))
    build_snapshot(collection, ToyEncoder(), folder / "snapshots", threads=1, progress=lambda *_: None)
    snapshot = load_snapshot(folder / "snapshots", ToyEncoder.fingerprint)
    retriever = HybridRetriever(snapshot, ToyEncoder(), Fusion(np.ones(len(FEATURES), np.float32)))
    return Pipeline(retriever, cast(Judge, ScriptedJudge()), ScriptDetector(), "office@example.org")


def site_app(pipeline: Pipeline, **changes: object) -> Any:
    return create_app(make_settings(**changes), lambda chosen: Engine(chosen, pipeline))


@pytest.fixture(scope="session")
def site(site_pipeline: Pipeline) -> Iterator[str]:
    """The address of the service, in a thread of its own."""
    with served(site_app(site_pipeline)) as address:
        yield address


@pytest.fixture(scope="session")
def serve() -> Callable[[Any], AbstractContextManager[str]]:
    return served


@pytest.fixture(scope="session")
def make_app() -> Callable[..., Any]:
    return site_app


def _missing() -> str | None:
    if find_spec("playwright") is None:
        return "playwright is not installed (pip install playwright)"
    if find_spec("axe_playwright_python") is None:
        return "axe-playwright-python is not installed (pip install axe-playwright-python)"
    if shutil.which("chromium") is None:
        return "chromium is not installed (apt-get install chromium)"
    return None


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium, once for each module: Playwright's event loop must be gone before other tests run theirs."""
    if reason := _missing():
        if os.environ.get("CI") == "true":
            pytest.fail(f"Browser tests must not be skipped here: {reason}")
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
                 "--disable-component-update", "--disable-sync"]  # fmt: skip
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=arguments)
        yield opened
        opened.close()


@dataclass
class Tabs:
    """Opens pages, each in a context of its own, and keeps what their consoles complain about."""

    browser: Any
    complaints: list[str] = field(default_factory=list)
    _contexts: list[Any] = field(default_factory=list)

    def open(self, url: str | None = None, **options: Any) -> Any:
        """A new page; options are those of a Playwright context."""
        options = {"viewport": {"width": 1280, "height": 900}, "locale": "en-GB", "reduced_motion": "reduce"} | options
        context = self.browser.new_context(**options)
        context.set_default_timeout(10_000)
        self._contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: self._hear(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(f"page error: {error}"))
        if url is not None:
            self.visit(page, url)
        return page

    def visit(self, page: Any, url: str) -> None:
        """Go there, and wait until the page says that it is ready."""
        page.goto(url)
        page.locator("html[data-ready]").wait_for()

    def _hear(self, kind: str, text: str) -> None:
        # That a request was refused is what some tests are about; whatever else is an error is one.
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.complaints.append(f"{kind}: {text}")

    def axe(self, page: Any) -> list[str]:
        """What axe-core finds on the page as it is now: WCAG 2.0 to 2.2, A and AA, and its best practices."""
        script = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
        page.evaluate(f"() => {{ if (!window.axe) {{ {script} }} }}")
        found = page.evaluate("tags => axe.run(document, { runOnly: tags, resultTypes: ['violations'] })", _AXE_TAGS)
        return [
            f"{violation['id']}: {node['target']} {node['html'][:160]} {node['failureSummary']}"
            for violation in found["violations"]
            for node in violation["nodes"]
        ]

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def tabs(browser: Any) -> Iterator[Tabs]:
    """Pages for one test; an error in a console, such as a breach of the Content-Security-Policy, fails it."""
    opened = Tabs(browser)
    yield opened
    opened.close()
    assert opened.complaints == []
