"""What serving must not load, in a process that answers as the service does."""

from __future__ import annotations

import subprocess
import sys

import pytest
from conftest import CHECKOUT

from index.errors import IndexProblem
from index.store import current_version
from service.settings import Settings

HEAVY = ("torch", "transformers", "sentence_transformers", "peft", "sklearn", "matplotlib")

ANSWER = f"""
import sys
import service.app
from service.engine import make_encoder, make_pipeline
from service.pipeline import Ask
from service.settings import settings

answer = make_pipeline(settings(), make_encoder(settings())).answer(Ask("Can we withdraw our signature later?"))
print(answer.outcome, [name for name in {HEAVY!r} if name in sys.modules])
"""


def test_an_answer_loads_neither_torch_nor_what_only_training_and_measuring_need() -> None:
    try:
        current_version(Settings().index_dir)
    except IndexProblem as error:
        pytest.skip(f"the shipped corpus has no index yet: {error}")
    done = subprocess.run([sys.executable, "-c", ANSWER], capture_output=True, text=True, cwd=CHECKOUT, check=False)
    assert done.stdout.strip().split(maxsplit=1) == ["answered", "[]"], done.stderr
