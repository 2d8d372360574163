"""Greedy decoding in a run: of dev after each epoch, which decides the learning, and of dev and test at its end."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from asr.evaluation.decode import decode
from asr.evaluation.hypotheses import beside_references, score_hypotheses, write_hypotheses
from asr.manifest import Utterance
from asr.model.acoustic import AcousticModel
from asr.recipe import Recipe
from asr.runs.corpus_used import Parts
from asr.runs.folder import RunFolder
from asr.runs.outcomes import outcomes_of, result_of
from asr.runs.record import Outcome, Result
from asr.scoring import Score
from asr.tokenizer import Tokenizer


@dataclass(frozen=True)
class GreedyStage:
    """Where the hypotheses go, and how they are computed."""

    folder: RunFolder
    recipe: Recipe
    workers: int
    progress: Callable[[str, int, int], None]

    def evaluate(self, model: AcousticModel, tokenizer: Tokenizer, dev: Sequence[Utterance]) -> Score:
        """Of dev, in the course of the training; leaves nothing behind."""
        hypotheses = beside_references(dev, self._decode(model, tokenizer, dev), self.recipe.text)
        return score_hypotheses(hypotheses, self.recipe.score.bootstrap, self.recipe.score.unit)

    def score(
        self, model: AcousticModel, tokenizer: Tokenizer, parts: Parts
    ) -> tuple[dict[str, Result], dict[str, dict[str, Outcome]], float]:
        """The test part is read here, once, after everything has been decided.

        Returns:
            Results and outcomes of dev and test, and the seconds that decoding of test took.
        """
        results, outcomes, seconds = {}, {}, 0.0
        for name in ("dev", "test"):
            started = time.monotonic()
            progress = partial(self.progress, f"decoding {name}")
            texts = self._decode(model, tokenizer, parts[name], progress)
            seconds = time.monotonic() - started  # of the last one: test
            hypotheses = beside_references(parts[name], texts, self.recipe.text)
            write_hypotheses(self.folder.hypotheses(name), hypotheses, self.recipe.score.unit)
            results[name] = result_of(hypotheses, self.recipe.score.bootstrap, self.recipe.score.unit)
            outcomes[name] = outcomes_of(hypotheses, self.recipe.score.unit)
        return results, outcomes, seconds

    def _decode(
        self,
        model: AcousticModel,
        tokenizer: Tokenizer,
        utterances: Sequence[Utterance],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> list[str]:
        settings = self.recipe.score
        return decode(model, tokenizer, utterances, settings, workers=self.workers, progress=progress)
