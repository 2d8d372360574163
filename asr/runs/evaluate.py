"""A run's model, heard once and read in several ways: which decoder makes how many errors on a part of its corpus.

Weights are chosen on the development part, whichever part is then scored.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

from asr.errors import RunError
from asr.evaluation.decode import log_probs_of
from asr.evaluation.decoders import GREEDY, Decoder, Reading, read_all
from asr.evaluation.hypotheses import Hypothesis, beside_references, score_hypotheses
from asr.evaluation.significance import Paired, PairedTest, matched_pairs
from asr.evaluation.tuning import LM_WEIGHTS, WORD_SCORES, Surface, tune
from asr.manifest import Utterance, read_manifest
from asr.model.bundle import Bundle, load_bundle
from asr.runs.folder import RunFolder
from asr.runs.outcomes import outcomes_of
from asr.runs.record import Record, read_record
from asr.scoring import Score
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
        self._heard: dict[Part, list[LogProbs]] = {}
        self._greedy: dict[Part, list[Hypothesis]] = {}

    @cached_property
    def bundle(self) -> Bundle:
        return load_bundle(self.folder.bundle)

    def utterances(self, part: str) -> Sequence[Utterance]:
        """Those of train, dev or test, as the run had them."""
        if part not in self._utterances:
            self._utterances[part] = list(read_manifest(self.folder.manifest(part)))
        return self._utterances[part]

    def evaluate(self, decoder: Decoder, part: Part, *, choose: bool = False) -> Evaluation:
        """Scores a decoder on a part.

        Args:
            choose: choose its weights on dev first.
        """
        surface = self._chosen(decoder) if choose and decoder.settings is not None else None
        if surface:
            decoder = decoder.weighing(surface.best.lm_weight, surface.best.word_score)
        reading = self._read(decoder, part, f"{decoder.name}, {part}")
        hypotheses = self._beside(part, reading.texts)
        seconds = sum(utterance.duration for utterance in self.utterances(part))
        return Evaluation(
            decoder=decoder,
            engine=reading.engine,
            score=score_hypotheses(hypotheses, self.record.recipe.score.bootstrap),
            against_greedy=None if decoder.settings is None else self._against_greedy(hypotheses, part),
            real_time_factor=reading.seconds / max(seconds, 1e-9),
            surface=surface,
            hypotheses=hypotheses,
        )

    def _against_greedy(self, hypotheses: list[Hypothesis], part: Part) -> PairedTest:
        if part not in self._greedy:
            self._greedy[part] = self._beside(part, self._read(GREEDY, part, "").texts)
        return matched_pairs(Paired.of(outcomes_of(self._greedy[part]), outcomes_of(hypotheses)))

    def _chosen(self, decoder: Decoder) -> Surface:
        lm_weights = (0.0,) if decoder.model is None else LM_WEIGHTS

        def errors(lm_weight: float, word_score: float) -> tuple[int, int]:
            reading = self._read(decoder.weighing(lm_weight, word_score), "dev", "")
            score = score_hypotheses(self._beside("dev", reading.texts), 1)
            return score.words.errors, score.characters.errors

        return tune(
            errors, lm_weights, WORD_SCORES, partial(self.progress, f"{decoder.name}, weights on dev")
        )

    def _read(self, decoder: Decoder, part: Part, what: str) -> Reading:
        """`what` is shown; "" for nothing."""
        progress = partial(self.progress, what) if what else (lambda done, total: None)
        return read_all(decoder, self.bundle.tokenizer, self._log_probs(part), progress)

    def _log_probs(self, part: Part) -> list[LogProbs]:
        if part not in self._heard:
            self._heard[part] = log_probs_of(
                self.bundle.model,
                self.utterances(part),
                self.record.recipe.score,
                workers=self.workers,
                progress=partial(self.progress, f"hearing {part}"),
            )
        return self._heard[part]

    def _beside(self, part: Part, texts: Sequence[str]) -> list[Hypothesis]:
        return beside_references(self.utterances(part), texts, self.record.recipe.text)


def decoders(beam: Decoder) -> list[Decoder]:
    """Greedy, and the steps from a bare beam search to one with all that `beam` has."""
    found = [GREEDY, replace(beam, name="beam", model=None, lexicon=None)]
    if beam.model is not None:
        found.append(replace(beam, name="beam + model", lexicon=None))
    if beam.lexicon is not None:
        name = "beam + model + lexicon" if beam.model is not None else "beam + lexicon"
        found.append(replace(beam, name=name))
    return found
