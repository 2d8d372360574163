"""Learning from errors: the gradient of the number of errors that a model is expected to make.

Over the n best readings (Prabhavalkar et al., 2018, "Minimum word error rate training for attention-based sequence-to-
sequence models") their probabilities P are scaled to sum to 1, and the expectation is E = sum of P(y) W(y), W(y) being
the errors of y. Its derivative by log P(y) is P(y) (W(y) - E): a policy gradient whose baseline is the mean.

Over readings that are drawn (Graves and Jaitly, 2014; Shannon, 2017, "Optimizing expected word error rate via sampling
for speech recognition") the expectation is that over all readings, and its gradient is estimated by REINFORCE
(Williams, 1992): the mean of (W(y) - b) grad log P(y), where the baseline b of each is the mean of the *other* draws.
Each draw is independent of its baseline, so the estimate is unbiased. P(y) is that of all paths which read as y, not of
the one that was drawn: the mean is the same, since the gradient of log P(y) is the mean over these paths (Fisher's
identity), and so each term varies no more (Rao and Blackwell).

Neither the search nor the draws are differentiated, nor need be: hypotheses are found on the CPU, between the way
forward and the way back.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from torch import Tensor

from asr import recipe
from asr.batching import Batch
from asr.errors import RecipeError
from asr.model.acoustic import Posteriors
from asr.model.loss import ctc_loss
from asr.randomness import Draws
from asr.scoring import in_units
from asr.tokenizer import Tokenizer
from asr.training.hypotheses import BestReadings, Matrix, Tokens, drawn_readings


@dataclass(frozen=True)
class Expected:
    """What a micro-batch has to learn from its errors."""

    each: Tensor  # (B,) float64: errors that are expected; the mean over the views, where there are two
    units: int  # of all references: words, characters or tokens
    goal: Tensor  # () its gradient is that of the sum of `each`; its value says nothing


@dataclass(frozen=True)
class Readings:
    """Different readings of an utterance."""

    tokens: list[Tokens]
    drawn: Tensor  # (N,) float64: how often each was
    errors: Tensor  # (N,) float64: of each

    @property
    def differ(self) -> bool:
        """Whether there is anything to choose."""
        return bool((self.errors != self.errors[0]).any())


class Risk:
    """Finds hypotheses, counts their errors, and says where there are fewer. Calls may run side by side."""

    def __init__(self, settings: recipe.Risk, tokenizer: Tokenizer) -> None:
        self.settings = settings
        self._tokenizer = tokenizer
        self._best = BestReadings(tokenizer, settings.hypotheses, settings.beam)

    def __call__(self, heard: Posteriors, batch: Batch, draws: Draws) -> Expected:
        """Of a micro-batch on the CPU.

        Args:
            heard: of all its utterances, or of all for a first view and then of all for a second.
        """
        count = len(batch.ids)
        references = [self.units(tuple(target)) for target in _targets(batch)]
        lengths = heard.lengths.tolist()
        found = [
            self._readings(matrix.numpy()[:length], references[row % count], draws, row)
            for row, (matrix, length) in enumerate(
                zip(heard.log_probs.detach().double(), lengths, strict=True)
            )
        ]
        each, goal = self._learned(heard, found)
        views = len(found) // count
        units = sum(len(reference) for reference in references)
        return Expected(each.view(views, count).mean(0), units, goal / views)

    def _readings(
        self, log_probs: Matrix, reference: Sequence[Hashable], draws: Draws, row: int
    ) -> Readings | None:
        """None where the model has lost its mind: whoever looks at the expectation will say so."""
        if not np.isfinite(log_probs).all():
            return None
        if self.settings.kind == "n-best":
            drawn = Counter(self._best(log_probs))
        else:
            view, place = divmod(row, len(draws.ids))
            generator = draws.for_utterance(f"risk.{view}" if view else "risk", place)
            drawn = Counter(drawn_readings(log_probs, self.settings.hypotheses, generator))
        errors = [distance(reference, self.units(tokens)) for tokens in drawn]
        return Readings(list(drawn), _numbers(drawn.values()), _numbers(errors))

    def units(self, tokens: Tokens) -> Sequence[Hashable]:
        """What errors are counted in: words as the tokenizer reads them from tokens."""
        if self.settings.unit == "token":
            return tokens
        return in_units(self._tokenizer.decode(tokens), self.settings.unit).split()

    def _learned(self, heard: Posteriors, found: Sequence[Readings | None]) -> tuple[Tensor, Tensor]:
        """(rows,) errors that are expected, and () what has the gradient of their sum."""
        weigh = best_weights if self.settings.kind == "n-best" else drawn_weights
        each = torch.full((len(found),), math.nan, dtype=torch.float64)
        goal = heard.log_probs.new_zeros(())
        likelihoods = _log_likelihoods(heard, found)
        for row, readings in enumerate(found):
            if readings is None:
                continue
            if not readings.differ:  # nothing would come of it
                each[row] = readings.errors[0]
                continue
            scores = next(likelihoods)
            each[row], weights = weigh(scores.detach().double(), readings.errors, readings.drawn)
            goal = goal + (weights.to(scores.dtype) * scores).sum()
        return each, goal


def best_weights(log_likelihoods: Tensor, errors: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Errors expected over different readings, whose probabilities are scaled to sum to 1.

    Args:
        log_likelihoods: (N,)
        errors: (N,) of each.
        drawn: (N,) ones: they were found, not drawn.

    Returns:
        () the expectation; (N,) its derivative by each log-likelihood.
    """
    assert bool((drawn == 1).all())
    probabilities = log_likelihoods.softmax(0)
    expected = (probabilities * errors).sum()
    return expected, probabilities * (errors - expected)


def drawn_weights(log_likelihoods: Tensor, errors: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    """Errors expected over readings that were drawn: estimates without bias of the expectation and its gradient.

    Args:
        log_likelihoods: (N,) of different readings; not looked at.
        errors: (N,) of each.
        drawn: (N,) how often each was drawn; K draws in all.

    Returns:
        () the mean; (N,) with what the gradient of each log-likelihood counts. A draw less the mean of the K - 1 others
        is K / (K - 1) times the draw less the mean of all.
    """
    draws = drawn.sum()
    mean = (drawn * errors).sum() / draws
    return mean, drawn * (errors - mean) / (draws - 1)


def distance(reference: Sequence[Hashable], hypothesis: Sequence[Hashable]) -> int:
    """Fewest substitutions, deletions and insertions from one to the other."""
    # The library compares hashes, and those of texts are not always the same.
    numbers: dict[Hashable, int] = {}
    one, other = (
        [numbers.setdefault(unit, len(numbers)) for unit in units] for units in (reference, hypothesis)
    )
    return int(Levenshtein.distance(one, other))


def refuse_device(settings: recipe.Risk, device: torch.device) -> None:
    """
    Raises:
        RecipeError: hypotheses are to be looked at in every step of a device that nothing should wait for.
    """
    if settings.kind != "none" and device.type != "cpu":
        raise RecipeError(
            f'risk.kind = "{settings.kind}": hypotheses are compared on the CPU in every step, and a training '
            f"on {device.type} would wait for that each time; use --device cpu"
        )


def _log_likelihoods(heard: Posteriors, found: Sequence[Readings | None]) -> Iterator[Tensor]:
    """(N,) of the readings of each utterance whose readings differ in errors, over all their alignments."""
    chosen = [(row, readings) for row, readings in enumerate(found) if readings and readings.differ]
    if not chosen:
        return
    counts = [len(readings.tokens) for _, readings in chosen]
    every = [tokens for _, readings in chosen for tokens in readings.tokens]
    rows = torch.repeat_interleave(torch.tensor([row for row, _ in chosen]), torch.tensor(counts))
    targets = torch.zeros(len(every), max(1, *map(len, every)), dtype=torch.int64)
    for place, tokens in enumerate(every):
        targets[place, : len(tokens)] = torch.tensor(tokens)
    lengths = torch.tensor([len(tokens) for tokens in every])
    log_probs = heard.log_probs.index_select(0, rows)
    losses = ctc_loss(log_probs, heard.lengths[rows], targets, lengths)
    yield from torch.split(-losses, counts)


def _targets(batch: Batch) -> Iterator[list[int]]:
    for target, length in zip(batch.targets.tolist(), batch.target_lengths.tolist(), strict=True):
        yield target[:length]


def _numbers(values: Iterable[float]) -> Tensor:
    return torch.tensor(list(values), dtype=torch.float64)
