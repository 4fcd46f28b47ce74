"""The fine-tuned adapter: low-rank changes to the encoder's matrices, small enough to commit."""

from __future__ import annotations

from pathlib import Path
from zipfile import BadZipFile

import numpy as np
import numpy.typing as npt

from index.errors import EncoderUnavailable
from index.weights import Adapt


def load_adapter(path: Path) -> Adapt:
    """Reads `<matrix>.a` (rank, input), `<matrix>.b` (output, rank) and `scale`; a matrix W becomes W + scale * b @ a.

    Raises EncoderUnavailable when the file is damaged.
    """
    try:
        with path.open("rb") as file, np.load(file) as stored:
            tensors = {name: stored[name].astype(np.float32) for name in stored.files}
        scale = float(tensors.pop("scale"))
    except (BadZipFile, ValueError, KeyError, EOFError) as error:
        raise EncoderUnavailable(
            f"{path} is not an adapter ({error}). Restore it, delete it, or run `python -m index train`."
        ) from error

    def adapt(name: str, matrix: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        if f"{name}.a" not in tensors:
            return matrix
        adapted: npt.NDArray[np.float32] = matrix + np.float32(scale) * (tensors[f"{name}.b"] @ tensors[f"{name}.a"])
        return adapted

    return adapt
