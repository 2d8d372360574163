"""Error counts and rates. Counts are added over utterances, then divided once: rates are never averaged.

The unit of a score is the word, what white space separates; or the character, for languages that are written without
white space between words, such as Chinese. A character is what a reader takes for one: a letter with the marks that
combine with it (Arabic and Hebrew vowels, accents, Indic vowel signs and viramas). White space is none.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from asr.randomness import numpy_generator

Unit = Literal["word", "character"]
_ZERO_WIDTH_JOINER = "\u200d"  # joins what stands on both sides of it
_JOINERS = frozenset((_ZERO_WIDTH_JOINER, "\u200c"))
_DRAWS = 1 << 22  # utterances drawn at a time, to bound the memory


@dataclass(frozen=True)
class ErrorCounts:
    """What turns references into hypotheses, in words or characters, at the least number of errors."""

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def reference_length(self) -> int:
        return self.hits + self.substitutions + self.deletions

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors / reference length; above 1 where much is inserted.

        Of an empty reference it is 0 if nothing was recognised, else infinite, as there is no length to
        divide by. Added to others, an empty reference brings its insertions and no length.
        """
        if self.reference_length == 0:
            return float("inf") if self.errors else 0.0
        return self.errors / self.reference_length

    def __add__(self, other: "ErrorCounts") -> "ErrorCounts":
        return ErrorCounts(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )


@dataclass(frozen=True)
class Score:
    """The result over a set of utterances. Where the unit is the character, what is called words is characters."""

    words: ErrorCounts  # in units
    characters: ErrorCounts
    sentences: int
    wrong_sentences: int  # with one word error or more
    interval: tuple[float, float]  # 95 % bootstrap interval of the word error rate
    unit: Unit = "word"

    @property
    def wer(self) -> float:
        return self.words.rate

    @property
    def cer(self) -> float:
        return self.characters.rate

    @property
    def ser(self) -> float:
        return self.wrong_sentences / self.sentences

    def to_json(self) -> dict[str, Any]:
        """Rates (ratios, not %) and the counts that they come from. The unit is named where it is not the word."""
        return {
            **({} if self.unit == "word" else {"unit": self.unit}),
            "wer": self.wer,
            "wer_interval_95": list(self.interval),
            "cer": self.cer,
            "ser": self.ser,
            "words": asdict(self.words) | {"reference_length": self.words.reference_length},
            "characters": asdict(self.characters) | {"reference_length": self.characters.reference_length},
            "sentences": self.sentences,
            "wrong_sentences": self.wrong_sentences,
        }


def count_errors(reference: str, hypothesis: str, unit: Unit = "word") -> ErrorCounts:
    """Errors in units: words, which white space separates, or characters. Nothing else is normalised here."""
    return _count_each([(in_units(reference, unit), in_units(hypothesis, unit))], characters=False)[0]


def in_units(text: str, unit: Unit) -> str:
    """The text with white space between its units, and nowhere else."""
    if unit == "word":
        return text
    units: list[str] = []
    joins = False  # whether the next letter belongs to the last one
    for letter in text:
        if letter.isspace():
            joins = False
            continue
        mark = unicodedata.category(letter)[0] == "M" or letter in _JOINERS
        if units and (mark or joins):
            units[-1] += letter
        else:
            units.append(letter)
        joins = letter == _ZERO_WIDTH_JOINER
    return " ".join(units)


def count_character_errors(reference: str, hypothesis: str) -> ErrorCounts:
    """Character errors. A space between words is a character; several count as one, at the ends as none."""
    return _count_each([(reference, hypothesis)], characters=True)[0]


def score(
    pairs: Sequence[tuple[str, str]], *, bootstrap: int = 10_000, seed: int = 0, unit: Unit = "word"
) -> Score:
    """Scores (reference, hypothesis) texts, one pair an utterance. Their order does not change the counts.

    Args:
        pairs: normalised texts.
        bootstrap: resamples of the interval.
        seed: of the resampling.
        unit: what errors are counted in.

    Raises:
        ValueError: no pairs, no word in any reference, or fewer than one resample.

    The interval is the percentile bootstrap over utterances of Bisani and Ney (2004): as many utterances as
    there are, drawn with replacement; 2.5 % of the resampled rates lie below it and 2.5 % above. It says how
    far the choice of these utterances matters, not that of the speakers or of the training seed. Resamples
    without any reference word have no rate and are left out.
    """
    if bootstrap < 1:
        raise ValueError(f"bootstrap must be 1 resample or more, got {bootstrap}")
    units = [(in_units(reference, unit), in_units(hypothesis, unit)) for reference, hypothesis in pairs]
    words = _count_each(units, characters=False)
    characters = _count_each(pairs, characters=True)
    total = sum(words, ErrorCounts())
    if total.reference_length == 0:
        raise ValueError(
            f"{len(pairs)} utterances without any reference {unit}: there is nothing to score against"
        )
    return Score(
        words=total,
        characters=sum(characters, ErrorCounts()),
        sentences=len(pairs),
        wrong_sentences=sum(counts.errors > 0 for counts in words),
        interval=bootstrap_interval(
            [each.errors for each in words], [each.reference_length for each in words], bootstrap, seed
        ),
        unit=unit,
    )


def _count_each(pairs: Sequence[tuple[str, str]], *, characters: bool) -> list[ErrorCounts]:
    """One `ErrorCounts` a pair, by jiwer's alignment."""
    import jiwer

    if not pairs:
        return []
    split = jiwer.ReduceToListOfListOfChars() if characters else jiwer.ReduceToListOfListOfWords()
    # All white space to single spaces first: jiwer's own steps know only the space.
    references = [" ".join(reference.split()) for reference, _ in pairs]
    hypotheses = [" ".join(hypothesis.split()) for _, hypothesis in pairs]
    aligned = jiwer.process_words(references, hypotheses, split, split)
    return [_tally(chunks) for chunks in aligned.alignments]


def _tally(chunks: Sequence[Any]) -> ErrorCounts:
    sums = dict.fromkeys(("equal", "substitute", "delete", "insert"), 0)
    for chunk in chunks:
        in_reference = chunk.ref_end_idx - chunk.ref_start_idx
        in_hypothesis = chunk.hyp_end_idx - chunk.hyp_start_idx
        sums[chunk.type] += max(in_reference, in_hypothesis)
    return ErrorCounts(*sums.values())


def bootstrap_interval(
    each_errors: Sequence[int], each_length: Sequence[int], resamples: int, seed: int = 0
) -> tuple[float, float]:
    """2.5 % and 97.5 % points of the rate over resampled utterances, of which errors and lengths are given."""
    errors, lengths = np.array(each_errors), np.array(each_length)
    generator = numpy_generator(seed, "bootstrap")
    rates: list[npt.NDArray[np.float64]] = []
    rows = max(1, _DRAWS // len(errors))
    for start in range(0, resamples, rows):
        drawn = generator.integers(len(errors), size=(min(rows, resamples - start), len(errors)))
        drawn_lengths = lengths[drawn].sum(axis=1)
        some = drawn_lengths > 0
        rates.append(errors[drawn].sum(axis=1)[some] / drawn_lengths[some])
    every = np.concatenate(rates)
    if not len(every):
        every = np.array([errors.sum() / lengths.sum()])
    low, high = np.percentile(every, [2.5, 97.5])
    return float(low), float(high)
