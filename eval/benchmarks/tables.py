"""Results as Markdown tables."""

from __future__ import annotations

from collections.abc import Sequence

Row = dict[str, object]


def table(title: str, rows: Sequence[Row]) -> str:
    """One row a line; a number is shown with three significant digits, what is missing as a dash."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    lines = [f"### {title}", "", "| " + " | ".join(columns) + " |", "| " + " | ".join("---" for _ in columns) + " |"]
    lines += ["| " + " | ".join(_cell(row.get(name)) for name in columns) + " |" for row in rows]
    return "\n".join(lines)


def _cell(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return str(value).replace("|", "\\|")
