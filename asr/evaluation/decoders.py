"""What decoders make of utterances, and which weights make the fewest errors."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from asr.decoding.decoder import Decoder, Weights
from asr.decoding.hypothesis import Hypothesis, SearchResult
from asr.decoding.reader import SearchReader
from asr.evaluation.tuning import Errors, Grid, Point, Rule, Surface, tune
from asr.scoring import Unit, count_character_errors, count_errors
from asr.tokenizer import Tokenizer
from asr.transcribe.hear import LogProbs

Progress = Callable[[int, int], None]
READINGS = 20  # of an utterance, over which errors are expected; others have hardly a share
DIGITS = 6  # of expected errors; more would depend on the machine


@dataclass(frozen=True)
class Reading:
    """What a decoder made of utterances."""

    texts: list[str]
    engine: str  # "greedy", or of the beam search
    seconds: float  # that it took


def read_all(
    decoder: Decoder,
    tokenizer: Tokenizer,
    log_probs: Iterable[LogProbs],
    progress: Callable[[int], None] = lambda done: None,
) -> Reading:
    """Texts of (frames, tokens) natural logarithms, utterance by utterance, on one core."""
    reader = decoder.reader(tokenizer)
    texts, seconds = [], 0.0
    for done, matrix in enumerate(log_probs, 1):
        started = perf_counter()
        texts.append(reader(matrix).text)
        seconds += perf_counter() - started
        progress(done)
    return Reading(texts, reader.name, seconds)


def expected_errors(reference: str, readings: Sequence[Hypothesis], unit: Unit = "word") -> float:
    """Errors of each reading, weighted by its share of the probability of all, as the search scores them.

    No reading at all is the empty text.
    """
    if not readings:
        return float(count_errors(reference, "", unit).errors)
    best = readings[0].score
    shares = [math.exp(reading.score - best) for reading in readings]
    errors = [count_errors(reference, reading.text, unit).errors for reading in readings]
    return math.fsum(map(math.prod, zip(shares, errors, strict=True))) / math.fsum(shares)


def choose(
    decoder: Decoder,
    grid: Grid,
    tokenizer: Tokenizer,
    log_probs: Sequence[LogProbs],
    references: Sequence[str],
    *,
    rule: Rule = "errors",
    known: Iterable[Point] = (),
    keep: Callable[[Sequence[Point]], None] = lambda points: None,
    progress: Progress = lambda done, total: None,
    unit: Unit = "word",
) -> Surface:
    """Reads development data, heard once, with each of the weights of a grid.

    Args:
        rule, known, keep: as for `tune`.
        progress: told the number of utterances read and to be read, over all weights.
        unit: what errors are counted in.
    """

    proposals = _Proposals(decoder, tokenizer, log_probs, READINGS if rule == "expected" else 1)
    total = len(grid) * len(log_probs)
    before = {weights: number * len(log_probs) for number, weights in enumerate(grid)}

    def errors(weights: Weights) -> Errors:
        def shown(done: int) -> None:
            progress(before[weights] + done, total)

        words, characters, expected = 0, 0, list[float]()
        results = proposals.read(weights)
        for done, (reference, result) in enumerate(zip(references, results, strict=True), 1):
            words += count_errors(reference, result.text, unit).errors
            characters += count_character_errors(reference, result.text).errors
            if rule == "expected":
                expected.append(expected_errors(reference, result.hypotheses, unit))
            shown(done)
        return Errors(words, characters, round(math.fsum(expected), DIGITS) if rule == "expected" else None)

    return tune(errors, grid, rule=rule, known=known, keep=keep)


@dataclass
class _Proposals:
    """What a search proposes to an attention decoder is kept for as long as nothing but the weight of that changes."""

    decoder: Decoder
    tokenizer: Tokenizer
    log_probs: Sequence[LogProbs]
    n_best: int
    _search: Weights | None = None  # whose proposals are kept
    _kept: list[SearchResult] = field(default_factory=list)  # of the first utterances, or of all

    def read(self, weights: Weights) -> Iterator[SearchResult]:
        """Utterance by utterance."""
        decoder = self.decoder.weighing(weights)
        if not weights.attention_weight:
            return map(decoder.reader(self.tokenizer, self.n_best), self.log_probs)
        return self._weighed(decoder.search_reader(self.tokenizer, self.n_best), weights)

    def _weighed(self, reader: SearchReader, weights: Weights) -> Iterator[SearchResult]:
        search = weights._replace(attention_weight=0.0)
        if search != self._search:
            self._search, self._kept = search, []
        for number, matrix in enumerate(self.log_probs):
            if number == len(self._kept):
                self._kept.append(reader.proposed(matrix))
            yield reader.decided(self._kept[number])
