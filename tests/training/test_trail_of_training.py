"""The trail of a training: which step was the first to differ, and in what."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import miniature
import pytest
import torch

from asr.batching import Batch
from asr.model.acoustic import AcousticModel, new_model
from asr.recipe import Recipe
from asr.scoring import ErrorCounts, Score
from asr.tokenizer import build_tokenizer
from asr.training import step as computing
from asr.training.selection import select
from asr.training.trainer import Trainer

STATE = ("weights", "average", "optimiser", "cursor")
KEYS = {"train__epochs": 2, "train__digest_every": 1, "train__learning_rate": 0.05}
RECIPE = miniature.recipe(**KEYS)


def probe(model: AcousticModel) -> Score:
    counts = ErrorCounts(hits=99, substitutions=1)
    return Score(counts, counts, sentences=10, wrong_sentences=1, interval=(0.0, 1.0))


@pytest.fixture(scope="module")
def trail(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[dict[str, Any]]]:
    """The trail of a training of six steps."""
    texts = [miniature.words_of(f"trail-{number}") for number in range(14)]
    utterances = miniature.write_utterances(tmp_path_factory.mktemp("audio"), texts)
    tokenizer = build_tokenizer(RECIPE.tokenizer, [text.lower() for text in texts])
    model = new_model(RECIPE.front_end, RECIPE.model, tokenizer.size, seed=1)
    examples, _ = select(utterances, tokenizer, model, RECIPE)

    def of(settings: Recipe = RECIPE) -> list[dict[str, Any]]:
        trainer = Trainer(
            new_model(settings.front_end, settings.model, tokenizer.size, settings.seed),
            examples,
            settings,
            tmp_path_factory.mktemp("trail"),
            evaluate=probe,
            settings="digest",
        )
        return trainer.train().trail

    return of


@pytest.fixture(scope="module")
def unchanged(trail: Callable[..., list[dict[str, Any]]]) -> list[dict[str, Any]]:
    found = trail()
    assert [note["step"] for note in found] == list(range(len(found)))
    assert len(found) > 5
    return found


def first_difference(one: list[dict[str, Any]], two: list[dict[str, Any]]) -> tuple[int, set[str]]:
    """The first entry that differs, and the keys of it that do."""
    return next(
        (note["step"], {key for key in note if note[key] != other[key]})
        for note, other in zip(one, two, strict=True)
        if note != other
    )


# A step's parts in the order of their making: what differs first drags all that comes after it along.
AFTER_LOSS = {"loss", "gradient", "weights", "average", "optimiser", "cursor"}
CHANGES = {
    "audio": {"heard", *AFTER_LOSS},
    "loss": {"loss", "cursor"},
    "gradient": {"gradient", "weights", "average", "optimiser"},
    "update": {"weights", "average"},
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_first_difference_says_where_to_look(
    trail: Callable[..., list[dict[str, Any]]],
    unchanged: list[dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    what: str,
) -> None:
    """Something is a little different from step 4 on, and nothing before."""
    calls = {"load": 0, "gradients": 0, "step": 0}
    load, gradients, step = computing.load, computing.gradients, torch.optim.AdamW.step
    per_step = RECIPE.train.micro_batches

    def is_time(call: str, each: int) -> bool:
        calls[call] += 1
        return (calls[call] - 1) // each + 1 == 4

    def changed_load(*arguments: Any) -> Batch:
        batch = load(*arguments)
        if is_time("load", per_step) and what == "audio":
            batch.waveforms[0, 100] += 1e-3
        return batch

    def changed_gradients(*arguments: Any) -> Any:
        losses, parts = gradients(*arguments)
        if is_time("gradients", per_step) and what in ("loss", "gradient"):
            factor = 1 + 1e-5
            if what == "loss":
                return replace(losses, each=losses.each * factor), parts
            return losses, [part * factor for part in parts]
        return losses, parts

    def changed_step(self: torch.optim.AdamW, *arguments: Any) -> Any:
        if is_time("step", 1) and what == "update":
            self.param_groups[0]["lr"] *= 1 + 1e-5
        return step(self, *arguments)

    monkeypatch.setattr(computing, "load", changed_load)
    monkeypatch.setattr(computing, "gradients", changed_gradients)
    monkeypatch.setattr(torch.optim.AdamW, "step", changed_step)
    assert first_difference(trail(), unchanged) == (4, CHANGES[what])


def test_another_seed_differs_before_the_first_step(
    trail: Callable[..., list[dict[str, Any]]], unchanged: list[dict[str, Any]]
) -> None:
    assert first_difference(trail(miniature.recipe(**KEYS, seed=2)), unchanged) == (0, {"weights", "average"})


@pytest.mark.parametrize("every", [2, 4, 100])
def test_fewer_entries_tell_the_same(
    trail: Callable[..., list[dict[str, Any]]], unchanged: list[dict[str, Any]], every: int
) -> None:
    """Entries at multiples and at ends of epochs; the digits of the steps between are not lost."""
    found = trail(miniature.recipe(**KEYS | {"train__digest_every": every}))
    steps = len(unchanged) - 1
    ends = {0, steps // 2, steps}
    assert [note["step"] for note in found] == [n for n in range(steps + 1) if n in ends or n % every == 0]
    for note in found:
        assert {key: note[key] for key in STATE} == {key: unchanged[note["step"]][key] for key in STATE}
    for key in ("heard", "loss", "gradient"):
        assert "".join(note[key] for note in found) == "".join(note[key] for note in unchanged)


def test_a_learner_without_a_step_has_a_trail(
    trail: Callable[..., list[dict[str, Any]]], unchanged: list[dict[str, Any]]
) -> None:
    first = unchanged[0]
    assert first["weights"] == first["average"]
    assert first["optimiser"] == hashlib.sha256().hexdigest()  # no moments yet
    assert (first["heard"], first["loss"], first["gradient"]) == ("", "", "")
