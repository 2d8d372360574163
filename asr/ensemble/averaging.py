"""Log-probs of several models, averaged frame by frame: then one decoder reads them as if they were one model's.

It takes models that say the same at the same time: the same tokens, in whatever order, and a frame of as many seconds
at the same sample rate. Whatever else differs, their words can be put to the vote (asr.ensemble.rover).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from asr.decoding.averaging import Mean, average
from asr.decoding.vocabulary import Vocabulary, vocabulary_of
from asr.errors import EnsembleError
from asr.model.described import Described
from asr.tokenizer import BLANK
from asr.transcribe.hear import LogProbs
from asr.transcribe.windows import Windows

Columns = npt.NDArray[np.intp]
VOTE = "their words can be put to the vote instead"
_NAMED = 5  # tokens in a message


@dataclass(frozen=True, eq=False)
class Likeness:
    """Models that can be averaged.

    Attributes:
        columns: for each model, its token for each token of the first.
    """

    columns: tuple[Columns, ...]

    @classmethod
    def of(cls, names: Sequence[str], models: Sequence[Described]) -> "Likeness":
        """
        Raises:
            EnsembleError: fewer than two, or one hears at another rate, gives frames at another one, or has other
                tokens; says which and what can be done.
        """
        if len(models) < 2:
            raise EnsembleError(f"an average needs two models or more, got {len(models)}")
        first, columns = models[0], []
        for name, model in zip(names, models, strict=True):
            if (found := _pace(model)) != (expected := _pace(first)):
                raise EnsembleError(
                    f"{name}: gives a frame every {1000 * found[1]:g} ms at {found[0]:,} Hz, {names[0]} every "
                    f"{1000 * expected[1]:g} ms at {expected[0]:,} Hz (the first stands for {1000 * found[2]:g} and "
                    f"{1000 * expected[2]:g} ms); models are averaged frame by frame: {VOTE}"
                )
            columns.append(_columns(name, model, names[0], first))
        return cls(tuple(columns))

    def average(self, matrices: Sequence[LogProbs], mean: Mean) -> LogProbs:
        """In the tokens of the first. Arguments and errors are those of `average`, with the tokens of each model."""
        pairs = zip(matrices, self.columns, strict=True)
        return average([matrix[:, columns] for matrix, columns in pairs], mean)


def _pace(model: Described) -> tuple[int, float, float]:
    """Hz of what it hears, seconds from one frame to the next, and of the middle of the first."""
    rate = model.description.front_end.sample_rate
    windows = Windows.of(model.description.front_end, model.description.model)
    return rate, windows.grid / rate, windows.centre / rate


def _columns(name: str, model: Described, first_name: str, first: Described) -> Columns:
    """The model's token for each of the first's, by what they stand for."""
    ours, theirs = vocabulary_of(first.tokenizer), vocabulary_of(model.tokenizer)
    if _named(ours) != _named(theirs):
        raise EnsembleError(
            f"{name}: has other tokens than {first_name} ({_difference(ours, theirs)}); models are averaged token by "
            f"token: {VOTE}"
        )
    places: dict[str, list[int]] = {}
    for token, symbol in enumerate(theirs.symbols[1:], 1):
        places.setdefault(symbol, []).append(token)
    return np.array([BLANK, *(places[symbol].pop(0) for symbol in ours.symbols[1:])], np.intp)


def _named(vocabulary: Vocabulary) -> tuple[bool, list[str]]:
    return vocabulary.writes_words, sorted(vocabulary.symbols)


def _difference(ours: Vocabulary, theirs: Vocabulary) -> str:
    if ours.writes_words != theirs.writes_words:
        one, other = ("letters" if each.writes_words else "phones" for each in (theirs, ours))
        return f"{one}, not {other}"
    odd = sorted(set(ours.symbols) ^ set(theirs.symbols))
    more = f" and {len(odd) - _NAMED} more" if len(odd) > _NAMED else ""
    found = f"{theirs.size} and {ours.size}"
    return f"{found}; in one only: {', '.join(map(repr, odd[:_NAMED]))}{more}" if odd else found
