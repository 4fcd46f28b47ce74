"""service/channels/README.md: its examples print what it says, its lists name what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO

import pytest
from channel_support import SLACK_SECRET, TEAMS_SECRET, serving
from conftest import CHECKOUT, make_settings

from index.errors import IndexProblem
from service.app import create_app
from service.engine import Engine, make_encoder, make_pipeline

README = (CHECKOUT / "service" / "channels" / "README.md").read_text(encoding="utf-8")
EXAMPLES = dict(
    re.findall(r"^## ([^\n]+)\n(?:(?!^## ).)*?```python\n((?:(?!```).)*```\n\n```text\n(?:(?!```).)*)```", README, re.S | re.M)
)  # fmt: skip
WIDGET = (CHECKOUT / "service" / "web" / "widget.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    settings = make_settings(slack_signing_secret=SLACK_SECRET, teams_hmac_secret=TEAMS_SECRET)
    try:
        engine = Engine(settings, make_pipeline(settings, make_encoder(settings)))
    except IndexProblem as error:
        pytest.skip(f"The real index is not there: {error}")
    with serving(create_app(settings, lambda _: engine)) as found:
        yield found


def test_every_channel_has_an_example() -> None:
    assert list(EXAMPLES) == ["REST", "Chat clients", "Model Context Protocol", "Slack", "Microsoft Teams"]
    assert SLACK_SECRET in EXAMPLES["Slack"]
    assert TEAMS_SECRET in EXAMPLES["Microsoft Teams"]


@pytest.mark.parametrize("channel", list(EXAMPLES))
def test_examples_print_what_stands_under_them(address: str, channel: str) -> None:
    code, printed = EXAMPLES[channel].split("```\n\n```text\n")
    output = StringIO()
    with redirect_stdout(output):
        exec(compile(code.replace("http://127.0.0.1:8000", address), channel, "exec"), {})
    assert output.getvalue() == printed


def test_the_widget_s_attributes_and_variables_are_those_it_has() -> None:
    section = README[README.index("## The widget") : README.index("## The page")]
    head = WIDGET[: WIDGET.index("*/")]
    assert set(re.findall(r"\bdata-[a-z]+", section)) == set(re.findall(r"^ +(data-[a-z]+) ", head, re.M))
    assert set(re.findall(r"--gpai-[a-z-]+", section)) == set(re.findall(r"var\((--gpai-[a-z-]+)", WIDGET))
