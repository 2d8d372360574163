"""Forced alignment: which frames each token of a given text has, on the most probable path of a CTC model.

It is torchaudio's, where that is installed (the extra `times`) and fits the torch that is there, else our own, which is
slower and gives the same path; this is the only module that knows. The path of a greedy transcript needs neither: no
path is more probable than the best token of each frame (`greedy_spans`).
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from asr.decoding.ctc_states import best_states
from asr.decoding.emissions import Matrix
from asr.decoding.greedy import Path, best_path
from asr.errors import AlignmentError
from asr.randomness import numpy_generator
from asr.tokenizer import BLANK

TIE = 1e-9  # nats
IMPOSSIBLE = -1e9  # nats, instead of minus infinity, of which torchaudio 2.11 makes tokens that do not exist
MOST = 1 << 31  # bytes that a path is found in: half an hour of speech, about


@dataclass(frozen=True)
class Span:
    """One token and its frames."""

    token: int
    start: int  # its first frame
    end: int  # the frame after its last


def align(log_probs: npt.ArrayLike, tokens: Sequence[int]) -> list[Span]:
    """The frames of each token on the most probable path that says the tokens (Viterbi over the states of Graves et
    al., 2006). Between two tokens lie frames of blank, or none.

    Args:
        log_probs: (frames, V) natural log of probabilities, of the utterance without its padding.
        tokens: what was said, without blanks.

    Raises:
        AlignmentError: more tokens than fit into the frames (a blank must part two equal ones), or no path with these
            tokens that the model gives a probability above 0; or so many frames and tokens that the memory would end.
        ValueError: not a matrix, a value that is not a number, or no such token.
    """
    matrix = _checked(log_probs, tokens)
    if not tokens:
        return []
    needed = len(tokens) + sum(a == b for a, b in pairwise(tokens))
    if needed > len(matrix):
        raise AlignmentError(
            f"{len(tokens)} tokens need {needed} frames or more, and there are {len(matrix)}; "
            "the text is not that of this audio, or the audio is cut off"
        )
    if len(matrix) * (2 * len(tokens) + 1) > MOST:
        raise AlignmentError(
            f"{len(matrix)} frames and {len(tokens)} tokens are too many to be aligned at once "
            f"(at most {MOST} of one times twice the other); cut the audio and its text at a pause"
        )
    path = _forced(_unequal(np.maximum(matrix, IMPOSSIBLE)), tokens)
    spans = spans_of(path)
    if len(spans) != len(tokens) or not np.isfinite(matrix[np.arange(len(matrix)), path].sum()):
        raise AlignmentError(
            f"the model gives no way to say these {len(tokens)} tokens in {len(matrix)} frames a probability above 0; "
            "the text is not that of this audio"
        )
    return spans


def greedy_spans(log_probs: npt.ArrayLike) -> list[Span]:
    """The frames of each token of a greedy transcript: of its tokens no path is more probable than the best token of
    each frame. Arguments and errors are those of `asr.decoding.greedy.greedy`."""
    return spans_of(best_path(log_probs))


def spans_of(path: Path) -> list[Span]:
    """The tokens on a (frames,) path and their frames: repeats merged, blanks left out."""
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    return [
        Span(int(path[start]), start, end)
        for start, end in pairwise(edges)
        if start < end and path[start] != BLANK
    ]


def _forced(matrix: Matrix, tokens: Sequence[int]) -> Path:
    """(frames,) the best path. What it needs grows with frames times tokens."""
    forced_align = torchaudios()
    if forced_align is None:
        states = best_states(matrix, [tokens])[0]
        labels = np.zeros(2 * len(tokens) + 1, np.intp)
        labels[1::2] = tokens
        own: Path = labels[states]
        return own
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torchaudio announces what else will go
        paths, _ = forced_align(torch.from_numpy(matrix)[None], torch.tensor([list(tokens)]), blank=BLANK)
    path: Path = paths[0].numpy().astype(np.intp)
    return path


def _unequal(matrix: Matrix) -> Matrix:
    """Each number a little higher, by less than `TIE` and always by the same: then no two paths are equal, and both
    engines find the same. (Of equal ones torchaudio 2.11 may lose the best path: where two of the three ways into a
    state are equally good, it takes the third.)"""
    drawn = numpy_generator(0, "forced alignment").bit_generator.random_raw(matrix.size)
    tilted: Matrix = matrix + np.asarray(drawn, np.float64).reshape(matrix.shape) * (TIE / 2.0**64)
    return tilted


@cache
def torchaudios() -> Callable[..., Any] | None:
    """torchaudio's function; None where it is not installed, or not built for the torch that is."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torchaudio.functional import forced_align
    except (ImportError, OSError):
        return None
    found: Callable[..., Any] = forced_align
    return found


def _checked(log_probs: npt.ArrayLike, tokens: Sequence[int]) -> Matrix:
    """In float64, in which sums of float32 are hardly ever equal by rounding."""
    matrix: Matrix = np.ascontiguousarray(log_probs, np.float64)
    if matrix.ndim != 2:
        raise ValueError(f"expected log_probs of shape (frames, V), got shape {matrix.shape}")
    if np.isnan(matrix).any():
        raise ValueError(f"log_probs of shape {matrix.shape} has NaN")
    wrong = [token for token in tokens if not BLANK < token < matrix.shape[1]]
    if wrong:
        raise ValueError(f"token {wrong[0]}: expected 1 to {matrix.shape[1] - 1} ({BLANK} is the blank)")
    return matrix
