"""Curves of growth: time, memory and disk over the number of passages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.benchmarks.tables import Row

_PANELS = (
    ("one question", "milliseconds", ("p50 ms", "p95 ms", "encoder p50", "dense p50", "BM25 p50")),
    ("memory while searching", "MiB", ("own MiB", "of files, MiB")),
    ("building", "seconds", ("dense s", "BM25 s")),
    ("on disk", "MiB", ("dense, MiB on disk", "BM25, MiB on disk", "vectors and texts, MiB on disk")),
)


def write_curves(search: Sequence[Row], build: Sequence[Row], path: Path) -> None:
    """An SVG of four panels, both axes logarithmic."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    rows = [{**one, **other} for one, other in zip(build, search, strict=True)]
    with rc_context({"svg.hashsalt": "growth", "svg.fonttype": "none"}):
        figure = Figure(figsize=(10, 7), layout="constrained")
        for axes, panel in zip(figure.subplots(2, 2).flat, _PANELS, strict=True):
            _draw(axes, rows, *panel)
        figure.savefig(path, format="svg", metadata={"Date": None})


def _draw(axes: Any, rows: Sequence[Row], title: str, unit: str, names: Sequence[str]) -> None:
    for name in names:
        axes.plot([row["passages"] for row in rows], [row[name] for row in rows], marker="o", label=name)
    axes.set(title=title, xlabel="passages", ylabel=unit, xscale="log", yscale="log")
    axes.grid(visible=True, which="major", color="#ddd")
    axes.legend(fontsize="small")
