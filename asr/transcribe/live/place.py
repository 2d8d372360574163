"""Where speech that knows no pause can be cut with the least harm."""

from collections.abc import Iterable, Sequence

import numpy as np

from asr.decoding.greedy import Path, best_path
from asr.tokenizer import BLANK
from asr.transcribe.hear import LogProbs
from asr.transcribe.recording import place_between_words


def place_to_cut(
    log_probs: LogProbs, word_starts: frozenset[int], least: Sequence[int], most: int, surely: int
) -> int:
    """The frame from which on what is heard belongs to the next part.

    The middle of the longest stretch of blank between two words; else where a word begins right behind another; both
    are looked for after each of `least` in turn. Else in the longest stretch of blank within a word; else between two
    tokens: so a token is never on both sides, if the same one does not last from the first of `least` to `most`.

    Args:
        log_probs: (frames, tokens).
        word_starts: tokens that begin a word, separators among them; none where tokens do not tell.
        least: frames before it: what is best, and what is better than to part a word.
        most: the last frame that it may be, less than the frames there are.
        surely: frames of blank that part words, whatever comes after them.
    """
    path = best_path(log_probs[: most + 1])
    for first in least:
        place = place_between_words(path, word_starts, first, surely)
        if place is None:
            place = _last_change(path, first, word_starts)
        if place is not None:
            return min(place, most)
    place = place_between_words(path, word_starts, least[0], surely, anywhere=True)
    if place is None:
        place = _last_change(path, least[0], range(int(log_probs.shape[1])))
    return most if place is None else min(place, most)


def _last_change(path: Path, least: int, to: Iterable[int]) -> int | None:
    """The last frame at which another token than before begins, one of these."""
    begins = np.flatnonzero(path[1:] != path[:-1]) + 1
    begins = begins[(begins >= max(least, 1)) & np.isin(path[begins], [*to]) & (path[begins] != BLANK)]
    return int(begins[-1]) if len(begins) else None
