"""The report: HTML with curves, and the same tables in Markdown."""

from __future__ import annotations

import html
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from eval.dialogues import KINDS as DIALOGUE_KINDS
from eval.dialogues import Condition, DialogueResult, figures
from eval.gold import KINDS
from eval.scores import METRICS, Scored, headline, language_figures, refusal_figures
from eval.significance import bootstrap_interval, mcnemar
from index.store import Manifest

_WORST = 30
_STYLE = """body{font:16px/1.5 system-ui,sans-serif;max-width:75rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;margin:1rem 0}td,th{border:1px solid #bbb;padding:.2rem .5rem;text-align:right}
td:first-child,th:first-child{text-align:left}figure{display:inline-block;margin:1rem}"""

Table = tuple[str, list[str], list[list[str]]]


def write_report(
    scored: Sequence[Scored],
    folder: Path,
    split: str,
    expected: Mapping[str, Any] | None,
    manifest: Manifest,
    dialogues: Mapping[Condition, Sequence[DialogueResult]],
) -> list[Path]:
    """Write report.html and report.md into the folder; returns their paths."""
    tables = [_headline_table(scored), _language_table(scored), _kind_table(scored)]
    if expected is not None:
        tables.append(_change_table(scored, expected))
    if dialogues["with"]:
        tables += [_dialogue_kind_table(dialogues), _dialogue_language_table(dialogues)]
    tables.append(_failure_table(scored))
    title = f"Gold questions, {split} split"
    lead = f"{len(scored)} questions, index {manifest.version}, encoder {manifest.fingerprint}, built {manifest.built}."
    markdown = [f"# {title}", "", lead]
    page = [f"<h1>{html.escape(title)}</h1><p>{html.escape(lead)}</p>"]
    for name, columns, rows in tables:
        markdown += ["", f"## {name}", "", _row(columns), _row(["---"] * len(columns)), *map(_row, rows)]
        head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
        body = "".join("<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        page.append(f"<h2>{html.escape(name)}</h2><table><tr>{head}</tr>{body}</table>")
    page[1:1] = [f"<figure>{picture}</figure>" for picture in (_reliability(scored), _risk_coverage(scored))]
    paths = [folder / "report.md", folder / "report.html"]
    paths[0].write_text("\n".join(markdown) + "\n", encoding="utf-8")
    paths[1].write_text(
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}</style>{''.join(page)}</html>\n",
        encoding="utf-8",
    )
    return paths


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.3f}"


def _headline_table(scored: Sequence[Scored]) -> Table:
    return "Headline", ["figure", "value"], [[name, _number(value)] for name, value in headline(scored).items()]


def _language_table(scored: Sequence[Scored]) -> Table:
    figures = language_figures(scored)
    names = ["questions", "hit@1", "low", "high", "hit@3", "recall@5", "MRR", "nDCG@10", "precision", "coverage",
             "refusal_precision", "refusal_recall", "detection"]  # fmt: skip
    rows = [
        [code, f"{values['questions']:.0f}", *(_number(values[name]) for name in names[1:])]
        for code, values in figures.items()
    ]
    return "By language (low, high: 95 % bootstrap interval of hit@1)", ["language", *names], rows


def _kind_table(scored: Sequence[Scored]) -> Table:
    rows = []
    for kind in KINDS:
        members = [s for s in scored if s.row.question.kind == kind]
        if not members:
            continue
        hits = [METRICS["hit@1"](s.row) for s in members]
        low, high = bootstrap_interval(hits)
        answered = sum(s.answered for s in members) / len(members)
        right = refusal_figures(members)["precision"]
        known = [hit for hit in hits if not math.isnan(hit)]
        hit = sum(known) / len(known) if known else math.nan
        rows.append(
            [kind, str(len(members)), _number(hit), _number(low), _number(high), _number(answered), _number(right)]
        )
    return "By kind", ["kind", "questions", "hit@1", "low", "high", "answered", "right when answered"], rows


def _change_table(scored: Sequence[Scored], expected: Mapping[str, Any]) -> Table:
    now = headline(scored)
    rows = [
        [name, _number(value), _number(now[name]), f"{now[name] - value:+.3f}"]
        for name, value in expected["figures"].items()
        if name in now and value is not None
    ]
    answerable = [s for s in scored if s.row.question.answerable]
    missed = set(expected["missed"])
    before = [s.row.question.question_id not in missed for s in answerable]
    won, lost, p = mcnemar(before, [METRICS["hit@1"](s.row) == 1.0 for s in answerable])
    name = f"Against the figures kept last (hit@1: {won} won, {lost} lost, exact McNemar p = {p:.3f})"
    return name, ["figure", "kept", "now", "change"], rows


def _dialogue_kind_table(dialogues: Mapping[Condition, Sequence[DialogueResult]]) -> Table:
    rows = []
    for kind in DIALOGUE_KINDS:
        for condition, results in dialogues.items():
            f = figures([r for r in results if r.dialogue.kind == kind])
            rows.append([kind, condition, str(f.count), _number(f.hit), str(f.answered), str(f.wrongly)])
    columns = ["kind", "first question", "dialogues", "hit@1", "answered", "answered wrongly"]
    return "Two-turn dialogues: the second question, asked with and without the first", columns, rows


def _dialogue_language_table(dialogues: Mapping[Condition, Sequence[DialogueResult]]) -> Table:
    rows = []
    for language in sorted({r.dialogue.language for r in dialogues["with"]}):
        cells = [language]
        for kind in ("follow_up", "switch"):
            chosen = {
                condition: [r for r in results if r.dialogue.language == language and r.dialogue.kind == kind]
                for condition, results in dialogues.items()
            }
            cells += [str(len(chosen["with"])), *(_number(figures(chosen[c]).hit) for c in ("without", "with"))]
        wrongly = figures([r for r in dialogues["with"] if r.dialogue.language == language]).wrongly
        rows.append([*cells, str(wrongly)])
    columns = ["language", "follow-ups", "hit@1 without", "hit@1 with", "switches", "hit@1 without", "hit@1 with",
               "answered wrongly (with)"]  # fmt: skip
    return "Two-turn dialogues by language", columns, rows


def _failure_table(scored: Sequence[Scored]) -> Table:
    """Wrong and sure first, then unanswered though answerable."""
    wrong = [s for s in scored if s.answered and not s.right]
    missed = [s for s in scored if s.row.question.answerable and not s.right and not s.answered]
    wrong.sort(key=lambda s: -s.answer.confidence)
    missed.sort(key=lambda s: s.answer.confidence)
    rows = [
        [
            s.row.question.question_id,
            s.row.question.kind,
            s.row.question.text,
            ", ".join("#".join(key) for key in s.row.question.relevant) or "nothing",
            ", ".join("#".join(key) for key in s.row.keys[:3]),
            s.answer.outcome,
            f"{s.answer.confidence:.2f}",
        ]
        for s in [*wrong[:_WORST], *missed[:_WORST]]
    ]
    return "Worst failures", ["id", "kind", "question", "relevant", "ranked", "outcome", "confidence"], rows


def _figure(draw: Any) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4), layout="constrained")
    draw(figure.add_subplot())
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _reliability(scored: Sequence[Scored]) -> str:
    confidence = np.array([s.answer.confidence for s in scored])
    right = np.array([s.right for s in scored])
    order = np.array_split(np.argsort(confidence), 10)

    def draw(axes: Any) -> None:
        axes.plot([0, 1], [0, 1], color="#999", linewidth=1)
        axes.plot([confidence[b].mean() for b in order], [right[b].mean() for b in order], marker="o")
        axes.set(title="Reliability", xlabel="confidence said", ylabel="share right", xlim=(0, 1), ylim=(0, 1))

    return _figure(draw)


def _risk_coverage(scored: Sequence[Scored]) -> str:
    confidence = np.array([s.answer.confidence for s in scored])
    right = np.array([s.right for s in scored])[np.argsort(-confidence)]
    answered = np.arange(1, len(right) + 1)

    def draw(axes: Any) -> None:
        axes.plot(
            np.cumsum(right) / max(1, sum(s.row.question.answerable for s in scored)), np.cumsum(~right) / answered
        )
        axes.set(
            title="Risk and coverage",
            xlabel="answerable questions answered rightly",
            ylabel="share wrong when answered",
        )

    return _figure(draw)
