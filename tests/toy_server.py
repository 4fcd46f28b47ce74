"""`python -m service serve`, or the command given, with the toy encoder, as a process of its own; it fails at questions
that ask for it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from conftest import ToyEncoder, constant_judge

from index.encoder import Encoded, Side
from service import __main__ as commands
from service import app, engine


class FailingEncoder(ToyEncoder):
    def encode(self, text: str, side: Side) -> Encoded:
        if "makes a fault" in text:
            try:
                raise KeyError(text)
            except KeyError as error:
                raise RuntimeError(f"cannot encode {text!r}") from error
        return super().encode(text, side)


if __name__ == "__main__":
    replaced: Sequence[tuple[Any, str, Any]] = [
        (app, "make_encoder", lambda chosen: FailingEncoder()),
        (commands, "make_encoder", lambda chosen: FailingEncoder()),
        (engine, "load_judge", constant_judge),
    ]
    for owner, name, value in replaced:
        setattr(owner, name, value)
    sys.argv = ["service", *(sys.argv[1:] or ["serve"])]
    sys.exit(commands.main())
