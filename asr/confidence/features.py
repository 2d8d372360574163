"""What the decoder leaves behind about each word: how sure the model was, what its rivals were, how it was said."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from asr.confidence.n_best import Rivals, word_posteriors
from asr.decoding.ctc_states import log_probs_of
from asr.decoding.emissions import checked
from asr.decoding.hypothesis import Hypothesis, SearchResult
from asr.decoding.word_times import WordSpan

Floats = npt.NDArray[np.float64]

FEATURES = (
    "peak_mean",  # of a token, its highest probability in its frames; the mean over the word's tokens
    "peak_min",  # the lowest of them
    "margin_min",  # nats from a token to the best other one where it is most probable, the lowest of the word's
    "best_mean",  # the mean, over the word's frames, of the probability of the best token, blank or not
    "entropy_mean",  # nats, over the frames from the word before to the word after
    "entropy_max",  # the highest of them
    "sound",  # log P(the word's tokens and nothing else), all alignments, in those frames
    "sound_frame",  # the same, per frame
    "rivals",  # the word's share of the n best readings without language model and lexicon
    "n_best",  # its share of the readings that the decoder gave
    "tokens",  # of the word
    "frames",  # from its first to its last
    "frames_token",  # frames / tokens
    "pause_before",  # frames between it and the word before
    "pause_after",
    "from_start",  # words before it
    "from_end",  # words after it
    "words",  # of the utterance, or so many that it does not matter
    "sound_before",  # `sound` of the word before; 0 where there is none
    "sound_after",
    "sound_all",  # the mean over the utterance, or the words near by
    "sound_worst",  # the lowest
)
MARGIN = 20.0  # nats; more says nothing more
SILENT = -30.0  # the lowest log-prob that counts
NEAR = 12  # words to either side that are looked at as the utterance: a file may last for hours


def word_features(
    log_probs: npt.ArrayLike, result: SearchResult, words: Sequence[WordSpan], rivals: Rivals
) -> Floats:
    """(words, len(FEATURES)) of the words of the best reading.

    Args:
        log_probs: (frames, tokens) natural logarithms, of the utterance without its padding.
        result: what the decoder read, with the frames of its tokens.
        words: of the best reading.

    Raises:
        ValueError: the words do not fit the reading or the frames, or the reading does not say where its tokens begin.
    """
    matrix = checked(log_probs, rivals.vocabulary.size)
    best = result.best
    if best is None or not words:
        return np.zeros((0, len(FEATURES)))
    _check(best, words, len(matrix))
    columns = {
        **_peaks(matrix, best, words),
        **_frames(matrix, words),
        **_sounds(matrix, best, words, rivals.vocabulary.separator),
        "rivals": rivals(matrix, best.tokens, words),
        "n_best": _n_best(result, words),
    }
    return np.stack([np.asarray(columns[name], dtype=np.float64) for name in FEATURES], axis=1)


def peaks(matrix: Floats, best: Hypothesis, words: Sequence[WordSpan]) -> list[Floats]:
    """Of each word (tokens of the word,): where a token is most probable in its frames, how probable it is.

    A token's frames are those from its beginning to the beginning of the next one, or to the end of the word.
    """
    return [np.exp(matrix[places, tokens]) for places, tokens in _places(matrix, best, words)]


def _places(
    matrix: Floats, best: Hypothesis, words: Sequence[WordSpan]
) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Of each word, the frames in which its tokens are most probable, and these tokens."""
    found = []
    for word in words:
        begins = [min(max(frame, word.start), word.end - 1) for frame in best.frames[word.first : word.last]]
        tokens = np.array(best.tokens[word.first : word.last], dtype=np.intp)
        ends = [max(end, begin + 1) for begin, end in zip(begins, [*begins[1:], word.end], strict=True)]
        places = [
            begin + int(matrix[begin:end, token].argmax())
            for begin, end, token in zip(begins, ends, tokens, strict=True)
        ]
        found.append((np.array(places, dtype=np.intp), tokens))
    return found


def _peaks(matrix: Floats, best: Hypothesis, words: Sequence[WordSpan]) -> dict[str, list[float]]:
    columns: dict[str, list[float]] = {"peak_mean": [], "peak_min": [], "margin_min": []}
    for places, tokens in _places(matrix, best, words):
        values = matrix[places, tokens]
        others = matrix[places].copy()
        others[np.arange(len(tokens)), tokens] = -np.inf
        columns["peak_mean"].append(float(np.exp(values).mean()))
        columns["peak_min"].append(float(np.exp(values.min())))
        margins = np.maximum(values, -1e3) - np.maximum(others.max(axis=1), -1e3)
        columns["margin_min"].append(float(np.clip(margins, -MARGIN, MARGIN).min()))
    return columns


def _frames(matrix: Floats, words: Sequence[WordSpan]) -> dict[str, list[float]]:
    """What is to be seen in the frames, whatever the tokens."""
    probabilities = np.exp(matrix)
    surest = probabilities.max(axis=1)
    entropy = -(probabilities * np.maximum(matrix, -1e3)).sum(axis=1)
    around = _around(words, len(matrix))
    lengths = [word.end - word.start for word in words]
    tokens = [word.last - word.first for word in words]
    return {
        "best_mean": [float(surest[word.start : word.end].mean()) for word in words],
        "entropy_mean": [float(entropy[start:end].mean()) for start, end in around],
        "entropy_max": [float(entropy[start:end].max()) for start, end in around],
        "tokens": list(map(float, tokens)),
        "frames": list(map(float, lengths)),
        "frames_token": [length / count for length, count in zip(lengths, tokens, strict=True)],
        "pause_before": [float(word.start - start) for word, (start, _) in zip(words, around, strict=True)],
        "pause_after": [float(end - word.end) for word, (_, end) in zip(words, around, strict=True)],
        "from_start": [float(min(number, NEAR)) for number in range(len(words))],
        "from_end": [float(min(len(words) - 1 - number, NEAR)) for number in range(len(words))],
        "words": [float(min(len(words), 2 * NEAR))] * len(words),
    }


def _sounds(
    matrix: Floats, best: Hypothesis, words: Sequence[WordSpan], separator: int | None
) -> dict[str, list[float]]:
    """How well the sound fits each word, and the words around it."""
    around = _around(words, len(matrix))
    sound = [
        max(log_probs_of(matrix[start:end], [best.tokens[word.first : word.last]], separator)[0], SILENT)
        for word, (start, end) in zip(words, around, strict=True)
    ]
    near = [sound[max(number - NEAR, 0) : number + NEAR + 1] for number in range(len(words))]
    return {
        "sound": sound,
        "sound_frame": [value / (end - start) for value, (start, end) in zip(sound, around, strict=True)],
        "sound_before": [0.0, *sound[:-1]],
        "sound_after": [*sound[1:], 0.0],
        "sound_all": [float(np.mean(values)) for values in near],
        "sound_worst": [min(values) for values in near],
    }


def _around(words: Sequence[WordSpan], frames: int) -> list[tuple[int, int]]:
    """First frame and frame after the last between the word before each and the word after it."""
    starts = [0, *(word.end for word in words[:-1])]
    ends = [*(word.start for word in words[1:]), frames]
    return list(zip(starts, ends, strict=True))


def _n_best(result: SearchResult, words: Sequence[WordSpan]) -> Floats:
    """1 for each word where the decoder gave one reading only."""
    if len(result.hypotheses) < 2:
        return np.ones(len(words))
    return word_posteriors([word.word for word in words], result.hypotheses)


def _check(best: Hypothesis, words: Sequence[WordSpan], frames: int) -> None:
    if len(best.frames) != len(best.tokens):
        raise ValueError(
            f"{len(best.tokens)} tokens, but the frames in which {len(best.frames)} begin; give a reading with frames"
        )
    end = token = 0
    for word in words:
        if not (
            end <= word.start < word.end <= frames and token <= word.first < word.last <= len(best.tokens)
        ):
            raise ValueError(
                f"{word}: expected words in their order within {frames} frames and {len(best.tokens)} tokens"
            )
        end, token = word.end, word.last
