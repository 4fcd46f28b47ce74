"""Groups of rows at once, against one group after another."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from index.segments import segment_best, segment_mean_of_best, segment_rows

# Few distinct values, so that there are equals.
GROUPS = st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=7), min_size=1, max_size=6)


def flat(groups: list[list[int]]) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    sizes = np.array([len(group) for group in groups])
    return np.concatenate([np.array(group, np.float32) for group in groups]), np.cumsum(sizes) - sizes


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 6)), min_size=1, max_size=8))
def test_rows_of_ranges(pairs: list[tuple[int, int]]) -> None:
    rows, starts = segment_rows(np.array([(start, start + size) for start, size in pairs]))
    assert rows.tolist() == [row for start, size in pairs for row in range(start, start + size)]
    assert rows[starts].tolist() == [start for start, _ in pairs]


@given(GROUPS)
def test_the_best_of_each_group_is_its_first_highest(groups: list[list[int]]) -> None:
    values, starts = flat(groups)
    highest, places = segment_best(values, starts)
    assert highest.tolist() == [max(group) for group in groups]
    assert (places - starts).tolist() == [int(np.argmax(group)) for group in groups]


@given(GROUPS, st.integers(1, 4))
def test_the_mean_of_the_best_of_each_group(groups: list[list[int]], count: int) -> None:
    values, starts = flat(groups)
    kept = values.copy()
    plain = [float(np.mean(sorted(group)[-count:])) for group in groups]
    np.testing.assert_allclose(segment_mean_of_best(values, starts, count), plain, atol=1e-6)
    assert (values == kept).all()
