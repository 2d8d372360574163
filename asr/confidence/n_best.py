"""How much of a list of readings agrees with a word: its posterior among the n best."""

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from asr.decoding.emissions import checked
from asr.decoding.hypothesis import Hypothesis
from asr.decoding.search import Search
from asr.decoding.settings import SearchSettings
from asr.decoding.vocabulary import Vocabulary
from asr.decoding.word_times import WordSpan

Floats = npt.NDArray[np.float64]

N_BEST = 50
SHORTEST, LONGEST = 6, 12  # words of a piece of a long utterance


def word_posteriors(words: Sequence[str], readings: Sequence[Hypothesis]) -> Floats:
    """(words,) the share of the readings' probability in which each word stands at its place.

    A reading's probability is exp(score) over the sum of all; its words are aligned with `words` at the least number of
    errors. 0 for all words where there are no readings.

    Word posteriors on n-best lists: Wessel, Schlüter, Macherey and Ney, Confidence measures for large vocabulary
    continuous speech recognition, IEEE Transactions on Speech and Audio Processing 9, 2001.
    """
    same = [unchanged(words, reading.words) for reading in readings]
    return _shares(readings, same, len(words))


class Rivals:
    """Other readings of the same sound, by a beam search without language model and lexicon: what they say of words.

    An utterance of many words is cut between words, where the pause is longest: the n best of an hour would differ in a
    handful of places, and all other words would look certain.
    """

    def __init__(self, vocabulary: Vocabulary, n_best: int = N_BEST) -> None:
        self.vocabulary = vocabulary
        self._search = Search(SearchSettings(n_best=n_best), vocabulary=vocabulary, engine="plain")

    def __call__(self, log_probs: npt.ArrayLike, tokens: Sequence[int], words: Sequence[WordSpan]) -> Floats:
        """(words,) posteriors.

        Args:
            log_probs: (frames, tokens) natural logarithms.
            tokens: of the hypothesis.
            words: its words.
        """
        matrix = checked(log_probs, self.vocabulary.size)
        found = [
            self._of_piece(matrix[start:end], tokens, words[first:last])
            for first, last, start, end in pieces(words, len(matrix))
        ]
        return np.concatenate(found) if found else np.zeros(0)

    def _of_piece(self, matrix: Floats, tokens: Sequence[int], words: Sequence[WordSpan]) -> Floats:
        readings = self._search(matrix).hypotheses
        if self.vocabulary.word_starts and self.vocabulary.writes_words:
            return word_posteriors([self._spelled(tokens, word) for word in words], readings)
        # Nothing tells words apart: a word stands where all its tokens do.
        begin = words[0].first
        mine = tokens[begin : words[-1].last]
        same = [unchanged(mine, reading.tokens) for reading in readings]
        whole = [
            np.array([flags[word.first - begin : word.last - begin].all() for word in words])
            for flags in same
        ]
        return _shares(readings, whole, len(words))

    def _spelled(self, tokens: Sequence[int], word: WordSpan) -> str:
        """As the rivals write it: a lexicon may write it in another way."""
        return self.vocabulary.text(tokens[word.first : word.last])


def pieces(words: Sequence[WordSpan], frames: int) -> list[tuple[int, int, int, int]]:
    """(first word, word after the last, first frame, frame after the last) of pieces that make up the utterance."""
    found, first, start = [], 0, 0
    while len(words) - first > LONGEST:
        pauses = {
            last: words[last].start - words[last - 1].end
            for last in range(first + SHORTEST, min(first + LONGEST, len(words) - SHORTEST) + 1)
        }
        last = max(pauses, key=lambda place: (pauses[place], -place))
        end = (words[last].start + words[last - 1].end) // 2
        found.append((first, last, start, end))
        first, start = last, end
    return [*found, (first, len(words), start, frames)] if words else []


def unchanged(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> npt.NDArray[np.bool_]:
    """(len(ours),) which symbols have an equal one beside them in an alignment at the least number of errors.

    Of equally good alignments the one that substitutes latest. What is equal at the beginning and the end is set aside
    first, which costs no error: readings of one utterance differ in few places.
    """
    same = np.zeros(len(ours), dtype=np.bool_)
    shorter = min(len(ours), len(theirs))
    head = next((n for n in range(shorter) if ours[n] != theirs[n]), shorter)
    tail = next((n for n in range(shorter - head) if ours[-1 - n] != theirs[-1 - n]), shorter - head)
    same[:head] = True
    same[len(ours) - tail :] = True
    mine, other = ours[head : len(ours) - tail], theirs[head : len(theirs) - tail]
    row, column = len(mine), len(other)
    costs = _costs(mine, other) if row and column else []
    while row and column:
        equal = mine[row - 1] == other[column - 1]
        if costs[row][column] == costs[row - 1][column - 1] + (not equal):
            same[head + row - 1] = equal
            row, column = row - 1, column - 1
        elif costs[row][column] == costs[row - 1][column] + 1:
            row -= 1
        else:
            column -= 1
    return same


def _costs(ours: Sequence[Hashable], theirs: Sequence[Hashable]) -> list[list[int]]:
    """Edit distances of beginnings (Levenshtein)."""
    costs = [list(range(len(theirs) + 1))]
    for row, mine in enumerate(ours, 1):
        line, before = [row], costs[-1]
        for column, other in enumerate(theirs, 1):
            line.append(min(before[column - 1] + (mine != other), before[column] + 1, line[column - 1] + 1))
        costs.append(line)
    return costs


def _shares(readings: Sequence[Hypothesis], same: Sequence[npt.NDArray[np.bool_]], words: int) -> Floats:
    if not readings:
        return np.zeros(words)
    scores = np.array([reading.score for reading in readings])
    weights = np.exp(scores - np.logaddexp.reduce(scores))
    shares: Floats = np.minimum(weights @ np.array(same, dtype=np.float64).reshape(len(readings), words), 1.0)
    return shares
