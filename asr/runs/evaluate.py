"""A run's model, heard once and read in several ways: which decoder makes how many errors on a part of its corpus.

Weights are chosen on the development part, whichever part is then scored.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

from asr.decoding.bundled import attention_scorer, load_decoder
from asr.decoding.decoder import GREEDY, Decoder
from asr.decoding.fusion import check
from asr.decoding.priors import Priors
from asr.decoding.rescoring import Scorer
from asr.decoding.settings import SearchSettings
from asr.decoding.vocabulary import vocabulary_of
from asr.errors import RunError
from asr.evaluation.decode import log_probs_alone
from asr.evaluation.decoders import Reading, choose, read_all
from asr.evaluation.hypotheses import Hypothesis, beside_references, score_hypotheses
from asr.evaluation.significance import Paired, PairedTest, matched_pairs
from asr.evaluation.tuning import Grid, Surface
from asr.manifest import Utterance, read_manifest
from asr.model.bundle import Bundle, load_bundle
from asr.runs.folder import RunFolder
from asr.runs.outcomes import outcomes_of
from asr.runs.record import Record, read_record
from asr.runs.searching import some_of
from asr.scoring import Score, Unit
from asr.text import normalise
from asr.tokenizer import Tokenizer
from asr.transcribe.hear import LogProbs

Part = Literal["dev", "test"]
Progress = Callable[[str, int, int], None]  # (what, done, total)


@dataclass(frozen=True)
class Evaluation:
    """What a decoder makes of a part."""

    decoder: Decoder
    engine: str
    score: Score
    against_greedy: PairedTest | None  # None for greedy itself
    real_time_factor: float  # of the search alone
    surface: Surface | None  # where weights were chosen on dev
    hypotheses: list[Hypothesis]

    def to_json(self) -> dict[str, Any]:
        settings = self.decoder.settings
        return {
            "decoder": self.decoder.name,
            "engine": self.engine,
            "settings": None if settings is None else asdict(settings),
            "prior_weight": self.decoder.prior_weight,
            **({"hearings": self.decoder.hearings} if self.decoder.hearings > 1 else {}),
            **({"attention_weight": self.decoder.attention_weight} if self.decoder.attention_weight else {}),
            **self.score.to_json(),
            "against_greedy": None if self.against_greedy is None else asdict(self.against_greedy),
            "real_time_factor": self.real_time_factor,
            "chosen_on_dev": None if self.surface is None else self.surface.to_json(),
        }


class Evaluator:
    """Evaluates decoders on one run.

    Raises:
        RunError: no run there, or one that is not complete.
        BundleError: its model is missing or altered.
    """

    def __init__(
        self, run: Path, *, workers: int, progress: Progress = lambda what, done, total: None
    ) -> None:
        self.folder, self.workers, self.progress = RunFolder(run), workers, progress
        self.record: Record = read_record(run)
        if not run.is_dir() or self.record.status != "complete":
            raise RunError(f"{run}: expected the folder of a complete run; this one is {self.record.status}")
        self._utterances: dict[str, list[Utterance]] = {}
        self._heard: dict[tuple[Part, int], list[LogProbs]] = {}
        self._greedy: dict[Part, list[Hypothesis]] = {}
        self._priors: dict[int, Priors] = {}  # by the number of hearings

    @cached_property
    def bundle(self) -> Bundle:
        return load_bundle(self.folder.bundle)

    @cached_property
    def attention(self) -> Scorer | None:
        """The attention decoder of the model; None where it has none."""
        return attention_scorer(self.bundle)

    @property
    def _unit(self) -> Unit:
        return self.record.recipe.score.unit

    @property
    def writes_words(self) -> bool:
        """Whether words are written in the model's tokens, rather than spoken in them (phones)."""
        return vocabulary_of(self.bundle.tokenizer).writes_words

    def utterances(self, part: str) -> Sequence[Utterance]:
        """Those of train, dev or test, as the run had them."""
        if part not in self._utterances:
            self._utterances[part] = list(read_manifest(self.folder.manifest(part)))
        return self._utterances[part]

    def bundled(self) -> Decoder | None:
        """The search that the model carries, with its language model and lexicon; None if it carries none.

        Raises:
            BundleError: a file of it is missing or altered.
        """
        if not self.bundle.description.decoder:
            return None
        return load_decoder(self.folder.bundle, self.bundle)

    def evaluate(self, decoder: Decoder, part: Part, *, grid: Grid | None = None) -> Evaluation:
        """Scores a decoder on a part.

        Args:
            grid: choose its weights from these on dev first.
        """
        if decoder.priors is None and any((decoder.prior_weight, *(grid.prior_weights if grid else ()))):
            decoder = replace(decoder, priors=self.priors(decoder.hearings))
        surface = self._chosen(decoder, grid) if grid is not None and decoder.settings is not None else None
        if surface:
            decoder = decoder.weighing(surface.best.weights)
        reading = self._read(decoder, part, f"{decoder.name}, {part}")
        hypotheses = self._beside(part, reading.texts)
        seconds = sum(utterance.duration for utterance in self.utterances(part))
        return Evaluation(
            decoder=decoder,
            engine=reading.engine,
            score=score_hypotheses(hypotheses, self.record.recipe.score.bootstrap, self._unit),
            against_greedy=None if decoder.settings is None else self._against_greedy(hypotheses, part),
            real_time_factor=reading.seconds / max(seconds, 1e-9),
            surface=surface,
            hypotheses=hypotheses,
        )

    def log_probs(self, part: Part, hearings: int = 1) -> list[LogProbs]:
        """(frames, tokens) natural logarithms of each of its utterances, each heard by itself; computed once.

        Args:
            hearings: of each utterance, whose mean is given (asr.model.hearings).
        """
        if (part, hearings) not in self._heard:
            often = f", {hearings} times" if hearings > 1 else ""
            self._heard[part, hearings] = list(
                self._hear(self.utterances(part), f"hearing {part}{often}", hearings)
            )
        return self._heard[part, hearings]

    def priors(self, hearings: int = 1) -> Priors:
        """Mean posterior of each token on the training part, as a run with a search estimates it."""
        if hearings not in self._priors:
            chosen = some_of(self.utterances("train"), self.record.recipe)
            self._priors[hearings] = Priors.of(self._hear(chosen, "hearing train for priors", hearings))
        return self._priors[hearings]

    def _hear(self, utterances: Sequence[Utterance], what: str, hearings: int) -> Iterator[LogProbs]:
        return log_probs_alone(
            self.bundle.model,
            utterances,
            workers=self.workers,
            hearings=hearings,
            progress=partial(self.progress, what),
        )

    def _against_greedy(self, hypotheses: list[Hypothesis], part: Part) -> PairedTest:
        if part not in self._greedy:
            self._greedy[part] = self._beside(part, self._read(GREEDY, part, "").texts)
        return matched_pairs(
            Paired.of(outcomes_of(self._greedy[part], self._unit), outcomes_of(hypotheses, self._unit))
        )

    def _chosen(self, decoder: Decoder, grid: Grid) -> Surface:
        if decoder.model is None:
            grid = replace(grid, lm_weights=(0.0,))
        return choose(
            decoder,
            grid,
            self.bundle.tokenizer,
            self.log_probs("dev", decoder.hearings),
            [normalise(utterance.text, self.record.recipe.text) for utterance in self.utterances("dev")],
            progress=partial(self.progress, f"{decoder.name}, weights on dev"),
            unit=self._unit,
        )

    def _read(self, decoder: Decoder, part: Part, what: str) -> Reading:
        """`what` is shown; "" for nothing."""
        log_probs = self.log_probs(part, decoder.hearings)

        def shown(done: int) -> None:
            if what:
                self.progress(what, done, len(log_probs))

        return read_all(decoder, self.bundle.tokenizer, log_probs, shown)

    def _beside(self, part: Part, texts: Sequence[str]) -> list[Hypothesis]:
        return beside_references(self.utterances(part), texts, self.record.recipe.text)


def decoders(beam: Decoder, tokenizer: Tokenizer) -> list[Decoder]:
    """Greedy, and the steps from a bare beam search to one with all that `beam` has; last an attention decoder, or
    several hearings.

    Where nothing but a lexicon tells words (phones, letters without a space), there is no step with a model before it.

    Raises:
        RunError: what `beam` has does not fit together, or not to the tokens.
    """
    vocabulary, settings = vocabulary_of(tokenizer), beam.settings or SearchSettings()
    try:
        check(settings, vocabulary, beam.lexicon, beam.model)
    except ValueError as error:
        raise RunError(f"no such search with the tokens of this run: {error}") from None
    if beam.hearings > 1:
        *others, last = decoders(replace(beam, hearings=1), tokenizer)
        return [*others, last, replace(beam, name=f"{last.name}, {beam.hearings} hearings")]
    if beam.attention is not None:
        *others, last = decoders(beam.by_ctc_alone(), tokenizer)
        return [*others, last, replace(beam, name=f"{last.name} + attention")]
    if beam.model is None and beam.lexicon is None:
        return [GREEDY, replace(beam, name="beam")]
    bare = replace(settings, word_score=0.0)
    found = [GREEDY, replace(beam, name="beam", settings=bare, model=None, lexicon=None, prior_weight=0.0)]
    tells_words = vocabulary.writes_words and bool(vocabulary.word_starts)
    if beam.model is not None and (tells_words or beam.lexicon is None):
        found.append(replace(beam, name="beam + model", lexicon=None))
    if beam.lexicon is not None:
        name = "beam + model + lexicon" if beam.model is not None else "beam + lexicon"
        found.append(replace(beam, name=name))
    return found
