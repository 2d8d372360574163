"""Windows of long audio: nothing is lost, nothing doubled, and the joints are where it is quiet."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.recipe import Convolution, FrontEnd, Model
from asr.transcribe.windows import Joiner, Windows

GRID = 4
WINDOWS = Windows(whole=0, step=6 * GRID, overlap=4 * GRID, grid=GRID, hop=GRID)


def peaks(path: list[int], tokens: int = 3) -> np.ndarray:
    """(frames, tokens) log-probs with these best tokens."""
    log_probs = np.full((len(path), tokens), -5.0, np.float32)
    log_probs[np.arange(len(path)), path] = -0.1
    return log_probs


@given(st.integers(1, 200), st.integers(1, 90))
def test_windows_cover_everything(samples: int, block: int) -> None:
    """The n-th begins at n steps; all but the last are equally long; the last has more than the overlap."""
    whole = np.arange(samples, dtype=np.float32)
    windows = list(WINDOWS.cut(whole[begin : begin + block] for begin in range(0, samples, block)))
    assert [last for _, last in windows] == [False] * (len(windows) - 1) + [True]
    for number, (window, last) in enumerate(windows):
        begin = number * WINDOWS.step
        end = samples if last else begin + WINDOWS.step + WINDOWS.overlap
        np.testing.assert_array_equal(window, whole[begin:end])
    if len(windows) > 1:
        assert len(windows[-1][0]) > WINDOWS.overlap


@given(st.integers(1, 150), st.integers(0, 2**32 - 1))
def test_windows_that_hear_the_same_join_to_the_whole(samples: int, seed: int) -> None:
    """Each frame once and in its place, wherever the joints are."""
    frames = 1 + samples // GRID
    heard = np.random.default_rng(seed).normal(size=(frames, 3)).astype(np.float32)
    joiner, joined = Joiner(WINDOWS), []
    for number, (window, last) in enumerate(WINDOWS.cut([np.zeros(samples, np.float32)])):
        begin = number * WINDOWS.step // GRID
        joined.append(joiner.add(heard[begin : begin + 1 + len(window) // GRID], last))
    np.testing.assert_array_equal(np.concatenate(joined), heard)


def joint(left: list[int], right: list[int]) -> int:
    """Frames of an overlap of eight that are taken from the left."""
    windows = Windows(whole=0, step=10 * GRID, overlap=8 * GRID, grid=GRID, hop=GRID)
    joiner = Joiner(windows)
    first, second = peaks([1] * 10 + left), peaks(right + [1] * 5)
    first[:, 2], second[:, 2] = -20, -30  # tell whose frame it is
    joined = np.concatenate([joiner.add(first, last=False), joiner.add(second, last=True)])
    assert len(joined) == 10 + 8 + 5
    return int((joined[:, 2] == -20).sum()) - 10


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ([0] * 8, [0] * 8, 4),  # quiet: the middle
        ([1] * 8, [1] * 8, 4),  # never quiet: the middle
        ([1, 1, 0, 0, 1, 1, 1, 1], [1, 1, 0, 0, 1, 1, 1, 1], 3),
        ([1, 1, 1, 0, 1, 0, 1, 1], [1] * 3 + [0, 1, 0] + [1] * 2, 3),  # as long: nearest to the middle
        ([0, 0, 0, 0, 1, 1, 1, 1], [0] * 4 + [1] * 4, 3),  # its outer half is not looked at
        ([0] * 8, [1, 1, 1, 1, 1, 0, 1, 1], 5),  # both must be quiet
    ],
)
def test_joints(left: list[int], right: list[int], expected: int) -> None:
    assert joint(left, right) == expected


def test_windows_begin_where_outputs_do() -> None:
    """At 11,025 Hz a hop is 110 samples, an output of this model two: seconds are rounded to those."""
    model = Model(
        convolutions=(Convolution(channels=2, stride=(2, 2)), Convolution(channels=2, stride=(1, 1)))
    )
    windows = Windows.of(FrontEnd(sample_rate=11_025), model)
    assert windows.grid == 220
    assert windows.step % 220 == windows.overlap % 220 == 0
    assert windows.step == pytest.approx(12 * 11_025, abs=110)
    assert windows.overlap == pytest.approx(4 * 11_025, abs=110)
    assert windows.whole == 60 * 11_025
