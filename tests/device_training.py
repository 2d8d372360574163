"""Trainings whose steps are taken as on a device, though the device is the CPU (or none at all: `meta`)."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import miniature

from asr.manifest import Utterance
from asr.model.acoustic import AcousticModel, new_model
from asr.model.bundle import weights_digest
from asr.recipe import Recipe
from asr.scoring import ErrorCounts, Score
from asr.tokenizer import build_tokenizer
from asr.training.device_steps import DeviceSteps
from asr.training.examples import Example
from asr.training.ranks import Ranks
from asr.training.selection import select
from asr.training.trainer import Trainer

RECIPE = miniature.recipe(train__epochs=2, train__utterances=1)  # 5 steps of two micro-batches an epoch
TEXTS = tuple(miniature.words_of(f"device-{number}") for number in range(10))


def some_score(_model: AcousticModel) -> Score:
    counts = ErrorCounts(hits=50, substitutions=50)
    return Score(counts, counts, sentences=10, wrong_sentences=10, interval=(0.0, 1.0))


@dataclass(frozen=True)
class Lesson:
    """Everything but the folder that a trainer needs."""

    examples: Sequence[Example]
    utterances: Sequence[Utterance]
    tokens: int

    def trainer(self, folder: Path, recipe: Recipe = RECIPE, device: str = "cpu", **changes: Any) -> Trainer:
        """As it comes: on the CPU its steps are those of the CPU."""
        model = new_model(recipe.front_end, recipe.model, self.tokens, recipe.seed).to(device)
        arguments = {"evaluate": some_score, "settings": recipe.digest()} | changes
        return Trainer(model, self.examples, recipe, folder, **arguments)

    def on_device(
        self, folder: Path, recipe: Recipe = RECIPE, device: str = "cpu", **changes: Any
    ) -> Trainer:
        """Its steps are those of a device, whatever its device is."""
        trainer = self.trainer(folder, recipe, device, **changes)
        ranks = changes.get("ranks", Ranks())
        trainer.steps = DeviceSteps(trainer.learner, self.examples, recipe, ranks, ahead=3)
        return trainer


def lesson(folder: Path, texts: Sequence[str] = TEXTS) -> Lesson:
    """Utterances of tones, in files."""
    utterances = miniature.write_utterances(folder, texts)
    tokenizer = build_tokenizer(RECIPE.tokenizer, [text.lower() for text in texts])
    model = new_model(RECIPE.front_end, RECIPE.model, tokenizer.size, seed=1)
    examples, left_out = select(utterances, tokenizer, model, RECIPE)
    assert not left_out
    return Lesson(examples, utterances, tokenizer.size)


def left_behind(trainer: Trainer) -> tuple[Any, ...]:
    """Everything that a training leaves, to the last bit: weights, their average, the way, the figures."""
    learner, cursor = trainer.learner, trainer.cursor
    epochs = [{key: value for key, value in epoch.items() if key != "seconds"} for epoch in cursor.epochs]
    weights = weights_digest(learner.model.state_dict())
    return weights, weights_digest(learner.average.model.state_dict()), cursor.trail, epochs
