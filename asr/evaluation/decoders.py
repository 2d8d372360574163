"""What decoders make of utterances, and which weights make the fewest errors."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter

from asr.decoding.decoder import Decoder, Weights
from asr.evaluation.tuning import Errors, Grid, Point, Surface, tune
from asr.scoring import Unit, count_character_errors, count_errors
from asr.tokenizer import Tokenizer
from asr.transcribe.hear import LogProbs

Progress = Callable[[int, int], None]


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


def choose(
    decoder: Decoder,
    grid: Grid,
    tokenizer: Tokenizer,
    log_probs: Sequence[LogProbs],
    references: Sequence[str],
    *,
    known: Iterable[Point] = (),
    keep: Callable[[Sequence[Point]], None] = lambda points: None,
    progress: Progress = lambda done, total: None,
    unit: Unit = "word",
) -> Surface:
    """Reads development data, heard once, with each of the weights of a grid.

    Args:
        known, keep: as for `tune`.
        progress: told the number of utterances read and to be read, over all weights.
        unit: what errors are counted in.
    """

    total = len(grid) * len(log_probs)
    before = {weights: number * len(log_probs) for number, weights in enumerate(grid)}

    def errors(weights: Weights) -> Errors:
        def shown(done: int) -> None:
            progress(before[weights] + done, total)

        texts = read_all(decoder.weighing(weights), tokenizer, log_probs, shown).texts
        pairs = list(zip(references, texts, strict=True))
        return Errors(
            sum(count_errors(*pair, unit).errors for pair in pairs),
            sum(count_character_errors(*pair).errors for pair in pairs),
        )

    return tune(errors, grid, known=known, keep=keep)
