"""The training loop: bits do not depend on workers or interruptions, and trouble is named."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import miniature
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.batching import Batch
from asr.errors import RecipeError, TrainingError
from asr.model.acoustic import AcousticModel, new_model
from asr.model.bundle import weights_digest
from asr.randomness import Draws
from asr.recipe import Recipe
from asr.scoring import ErrorCounts, Score
from asr.tokenizer import build_tokenizer
from asr.training import step as training
from asr.training.checkpoint import read_tensors
from asr.training.cursor import Cursor
from asr.training.examples import Example
from asr.training.reports import EpochReport, Interrupted, StepReport, Watcher
from asr.training.risk import Risk
from asr.training.selection import select
from asr.training.trainer import Trainer

TEXTS = [miniature.words_of(f"trainer-{n}") for n in range(14)]
RECIPE = miniature.recipe(train__epochs=2)


def some_score(errors: int) -> Score:
    counts = ErrorCounts(hits=100 - errors, substitutions=errors)
    return Score(counts, counts, sentences=10, wrong_sentences=min(errors, 10), interval=(0.0, 1.0))


def probe(model: AcousticModel) -> Score:
    """Stands for a development set: a number that every weight moves."""
    total = sum(float(value.double().abs().sum()) for value in model.state_dict().values())
    return some_score(int(total * 1e6) % 100)


class Told(Watcher):
    def __init__(self) -> None:
        self.steps: list[StepReport] = []
        self.epochs: list[EpochReport] = []

    def on_step(self, report: StepReport) -> None:
        self.steps.append(report)

    def on_epoch(self, report: EpochReport) -> None:
        self.epochs.append(report)


@dataclass
class Setting:
    """Everything but the folder that a trainer needs."""

    examples: Sequence[Example]
    tokens: int
    told: Told = field(default_factory=Told)

    def trainer(self, folder: Path, recipe: Recipe = RECIPE, device: str = "cpu", **changes: Any) -> Trainer:
        model = new_model(recipe.front_end, recipe.model, self.tokens, recipe.seed).to(device)
        arguments = {"evaluate": probe, "settings": recipe.digest(), "watcher": self.told} | changes
        return Trainer(model, self.examples, recipe, folder, **arguments)


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    utterances = miniature.write_utterances(tmp_path_factory.mktemp("audio"), TEXTS)
    tokenizer = build_tokenizer(RECIPE.tokenizer, [text.lower() for text in TEXTS])
    model = new_model(RECIPE.front_end, RECIPE.model, tokenizer.size, seed=1)
    chosen, left_out = select(utterances, tokenizer, model, RECIPE)
    assert not left_out
    return Setting(chosen, tokenizer.size)


@pytest.fixture
def setting(examples: Setting) -> Setting:
    return Setting(examples.examples, examples.tokens)


def outcome(trainer: Trainer) -> tuple[str, str, str]:
    """Digests of the weights, their average and the best average."""
    best, _ = read_tensors(trainer.best)
    learner = trainer.learner
    return (
        weights_digest(learner.model.state_dict()),
        weights_digest(learner.average.model.state_dict()),
        weights_digest(best),
    )


def without_times(cursor: Cursor) -> list[dict[str, Any]]:
    return [{key: value for key, value in epoch.items() if key != "seconds"} for epoch in cursor.epochs]


@pytest.fixture(scope="module")
def uninterrupted(examples: Setting, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    trainer = examples.trainer(tmp_path_factory.mktemp("uninterrupted"), watcher=None)
    cursor = trainer.train()
    return outcome(trainer), without_times(cursor)


def test_learns(setting: Setting, tmp_path: Path) -> None:
    setting.trainer(tmp_path, miniature.recipe(train__epochs=15)).train()
    losses = [report.train_loss for report in setting.told.epochs]
    assert losses[-1] < 0.4 * losses[0]


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_number_of_workers_changes_nothing(
    setting: Setting, tmp_path: Path, workers: int, uninterrupted: tuple[Any, Any]
) -> None:
    recipe = miniature.recipe(train__epochs=2)
    trainer = setting.trainer(tmp_path, recipe, workers=workers)
    cursor = trainer.train()
    assert (outcome(trainer), without_times(cursor)) == uninterrupted


def test_threads_of_the_caller_change_nothing(
    setting: Setting, tmp_path: Path, uninterrupted: tuple[Any, Any]
) -> None:
    torch.set_num_threads(2)
    trainer = setting.trainer(tmp_path)
    trainer.train()
    assert outcome(trainer) == uninterrupted[0]
    assert torch.get_num_threads() == 1


def test_several_workers_share_the_work_of_a_step(setting: Setting, tmp_path: Path) -> None:
    """Four micro-batches a step on three workers and on one: still the same bits."""
    recipe = miniature.recipe(train__epochs=1, train__micro_batches=4, train__utterances=1)
    ends = []
    for workers in (1, 3):
        trainer = setting.trainer(tmp_path / str(workers), recipe, workers=workers)
        trainer.train()
        ends.append(outcome(trainer))
    assert ends[0] == ends[1]


@settings(max_examples=4)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_stopped_and_resumed_is_as_if_uninterrupted(
    examples: Setting,
    tmp_path_factory: pytest.TempPathFactory,
    uninterrupted: tuple[Any, Any],
    stops: list[int],
) -> None:
    """Sessions of so many steps each, every one with a new model and another number of workers."""
    folder = tmp_path_factory.mktemp("stopped")
    for number, steps in enumerate(stops):
        trainer = examples.trainer(
            folder, watcher=None, should_stop=miniature.on_step(steps), workers=1 + number % 2
        )
        try:
            trainer.train()
        except Interrupted as stopped:
            assert stopped.folder == folder
    trainer = examples.trainer(folder, watcher=None)
    cursor = trainer.train()
    assert (outcome(trainer), without_times(cursor)) == uninterrupted
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2]


def test_dead_after_any_step_loses_only_what_came_after_the_checkpoint(
    setting: Setting, tmp_path: Path, uninterrupted: tuple[Any, Any]
) -> None:
    """Checkpoints after every step, and a death (not a stop) in the middle of the next ones."""
    recipe = miniature.recipe(train__epochs=2, train__checkpoint_seconds=1e-9)

    class Dies(Watcher):
        def __init__(self, steps: int) -> None:
            self.left = steps

        def on_step(self, report: StepReport) -> None:
            self.left -= 1
            if self.left == 0:
                raise MemoryError

    deaths = 0
    for steps in (1, 2, 3, 2):
        try:
            setting.trainer(tmp_path, recipe, watcher=Dies(steps)).train()
        except MemoryError:
            deaths += 1
    assert deaths == 4
    told = Told()
    trainer = setting.trainer(tmp_path, recipe, watcher=told)
    trainer.train()
    # 1 + 2 + 3 + 2 steps were begun, of each session the last one was lost
    assert len(told.steps) == 2 * told.steps[0].steps - 4
    plain = setting.trainer(tmp_path / "plain", recipe)
    plain.train()
    assert outcome(trainer) == outcome(plain)


def test_stop_asked_during_an_evaluation(
    setting: Setting, tmp_path: Path, uninterrupted: tuple[Any, Any]
) -> None:
    """Everything is saved at the end of the epoch: no further step is begun."""
    asked = []

    def evaluate(model: AcousticModel) -> Score:
        asked.append(True)
        return probe(model)

    with pytest.raises(Interrupted):
        setting.trainer(tmp_path, evaluate=evaluate, should_stop=lambda: bool(asked)).train()
    assert {report.epoch for report in setting.told.steps} == {0}
    trainer = setting.trainer(tmp_path)
    cursor = trainer.train()
    assert (outcome(trainer), without_times(cursor)) == uninterrupted


def test_finished_training_is_only_read(setting: Setting, tmp_path: Path) -> None:
    first = setting.trainer(tmp_path)
    first.train()
    told = Told()
    second = setting.trainer(tmp_path, watcher=told, evaluate=lambda model: pytest.fail("evaluated again"))
    assert second.train().epochs == first.cursor.epochs
    assert outcome(second) == outcome(first)
    assert told.steps == []


def test_seed_changes_the_outcome(setting: Setting, tmp_path: Path, uninterrupted: tuple[Any, Any]) -> None:
    trainer = setting.trainer(tmp_path, miniature.recipe(train__epochs=2, seed=2))
    trainer.train()
    assert not set(outcome(trainer)) & set(uninterrupted[0])


def test_checkpoint_of_other_settings_is_refused(setting: Setting, tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        setting.trainer(tmp_path, should_stop=lambda: True).train()
    with pytest.raises(TrainingError, match="belongs to another recipe or corpus"):
        setting.trainer(tmp_path, settings="other").train()


def scripted(errors: Sequence[int]) -> Callable[[AcousticModel], Score]:
    """A development set with this many errors, epoch by epoch."""
    waiting = list(errors)
    return lambda model: some_score(waiting.pop(0))


@pytest.mark.parametrize(
    ("patience", "errors", "epochs", "best"),
    [
        (2, [50, 40, 41, 40, 1], 4, 2),  # 40 again is no better
        (1, [50, 40, 45, 1], 3, 2),
        (3, [50, 49, 51, 52, 48, 47, 60, 61], 8, 6),
        (0, [50, 51, 52, 53, 54, 55, 56, 57], 8, 1),  # never stops early
        (2, [50, 50, 50, 1], 3, 1),
    ],
)
def test_early_stop(
    setting: Setting, tmp_path: Path, patience: int, errors: list[int], epochs: int, best: int
) -> None:
    recipe = miniature.recipe(train__epochs=8, train__patience=patience)
    cursor = setting.trainer(tmp_path, recipe, evaluate=scripted(errors)).train()
    assert len(cursor.epochs) == epochs
    assert cursor.best_epoch + 1 == best
    _, notes = read_tensors(tmp_path / "best.safetensors")
    assert notes["epoch"] == str(best - 1)
    marked = [report.epoch for report in setting.told.epochs if report.best]
    assert marked[-1] == best
    again = setting.trainer(tmp_path, recipe, evaluate=scripted([])).train()  # stays stopped
    assert len(again.epochs) == epochs


def test_last_epoch_is_chosen_whatever_its_result(setting: Setting, tmp_path: Path) -> None:
    recipe = miniature.recipe(train__epochs=3, train__chosen_epoch="last")
    trainer = setting.trainer(tmp_path, recipe, evaluate=scripted([1, 40, 50]))
    cursor = trainer.train()
    assert (cursor.epoch, cursor.best_epoch, cursor.best_errors) == (3, 2, [50, 50])
    weights, notes = read_tensors(tmp_path / "best.safetensors")
    assert notes["epoch"] == "2"
    assert weights_digest(weights) == weights_digest(dict(trainer.learner.average.model.named_parameters()))


def test_patience_has_nothing_to_wait_for_where_the_last_epoch_is_chosen() -> None:
    with pytest.raises(RecipeError, match="patience waits for a better epoch"):
        miniature.recipe(train__patience=2, train__chosen_epoch="last")


def test_characters_decide_between_equal_words(setting: Setting, tmp_path: Path) -> None:
    def evaluate(model: AcousticModel, waiting: list[int] = [9, 7, 8]) -> Score:  # noqa: B006  # a script
        counts = ErrorCounts(hits=90, substitutions=waiting.pop(0))
        return Score(ErrorCounts(5, 5), counts, 10, 5, (0.0, 1.0))

    cursor = setting.trainer(tmp_path, miniature.recipe(train__epochs=3), evaluate=evaluate).train()
    assert (cursor.best_epoch, cursor.best_errors) == (1, [5, 7])


def test_best_weights_are_the_average_of_their_epoch(setting: Setting, tmp_path: Path) -> None:
    seen: list[str] = []
    script = scripted([50, 40, 45])

    def evaluate(model: AcousticModel) -> Score:
        seen.append(weights_digest(model.state_dict()))
        return script(model)

    trainer = setting.trainer(tmp_path, miniature.recipe(train__epochs=3), evaluate=evaluate)
    trainer.train()
    _, average, best = outcome(trainer)
    assert best == seen[1]
    assert average == seen[2]
    assert len(set(seen)) == 3


def test_reports(setting: Setting, tmp_path: Path) -> None:
    trainer = setting.trainer(tmp_path)
    trainer.train()
    told = setting.told
    assert [(report.epoch, report.step) for report in told.steps] == [
        (epoch, step) for epoch in (0, 1) for step in range(1, told.steps[0].steps + 1)
    ]
    heard = sum(example.utterance.duration for example in setting.examples)
    for epoch in (0, 1):  # all of the audio, at speeds between 0.9 and 1.1
        seconds = sum(report.audio_seconds for report in told.steps if report.epoch == epoch)
        assert heard / 1.11 < seconds < heard / 0.89
    first = told.epochs[0]
    assert first.epoch == 1
    assert first.steps == told.steps[0].steps
    assert first.train_loss == pytest.approx(told.steps[first.steps - 1].loss)
    assert 0 <= first.clipped <= 1
    assert set(first.gradient_norms) == {
        "convolutions.layers.0",
        "input_norm",
        "projection",
        "recurrent.0",
        "recurrent.1",
        "norms.0",
        "norms.1",
        "output",
    }
    assert all(norm > 0 for norm in first.gradient_norms.values())
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["dev"] for line in lines] == [report.dev for report in told.epochs]


def test_every_micro_batch_draws_by_its_place(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Epoch, step and place in the step: no two micro-batches share their dropout, and a step counts its tokens."""
    seen: list[tuple[tuple[int, int, int], tuple[str, ...], int]] = []
    really = training.gradients

    def gradients(
        model: AcousticModel, batch: Batch, draws: Draws, recipe: Recipe, tokens: int, risk: Risk | None
    ) -> Any:
        seen.append(((draws.epoch, draws.step, draws.micro_batch), draws.ids, tokens))
        assert draws.ids == batch.ids
        assert draws.seed == recipe.seed
        assert risk is None
        return really(model, batch, draws, recipe, tokens)

    monkeypatch.setattr(training, "gradients", gradients)
    setting.trainer(tmp_path, workers=2).train()
    places = [place for place, _, _ in seen]
    assert len(set(places)) == len(places)
    assert {epoch for epoch, _, _ in places} == {0, 1}
    assert {index for _, _, index in places} == {0, 1}
    tokens_of = {example.utterance.id: len(example.target) for example in setting.examples}
    for epoch, step, _ in places:
        of_step = [(ids, tokens) for place, ids, tokens in seen if place[:2] == (epoch, step)]
        assert {tokens for _, tokens in of_step} == {sum(tokens_of[i] for ids, _ in of_step for i in ids)}
    for epoch in (0, 1):
        heard = [name for place, ids, _ in seen if place[0] == epoch for name in ids]
        assert sorted(heard) == sorted(tokens_of)


def test_a_vanishing_layer_is_warned_of(setting: Setting, tmp_path: Path) -> None:
    """Layers above `recurrent.1` hardly listen to it: what lies below it gets no gradient to speak of."""
    recipe = miniature.recipe(train__epochs=1, train__learning_rate=1e-12)
    trainer = setting.trainer(tmp_path, recipe)
    with torch.no_grad():
        trainer.learner.model.recurrent[1].get_parameter("weight_ih_l0").mul_(1e-7)
        trainer.learner.model.recurrent[1].get_parameter("weight_ih_l0_reverse").mul_(1e-7)
    trainer.train()
    warnings = setting.told.epochs[0].warnings
    assert any(warning.startswith("gradient vanishes in recurrent.0: ") for warning in warnings)
    assert not any(" in output" in warning for warning in warnings)


def test_a_healthy_model_is_not_warned_of(setting: Setting, tmp_path: Path) -> None:
    setting.trainer(tmp_path).train()
    assert [report.warnings for report in setting.told.epochs] == [[], []]


def test_loss_that_is_no_number_names_step_and_utterances(setting: Setting, tmp_path: Path) -> None:
    trainer = setting.trainer(tmp_path, workers=2)
    with torch.no_grad():
        trainer.learner.model.output.bias[1] = float("nan")
    with pytest.raises(TrainingError, match=r"epoch 0, step 0: loss is nan on u\d+, u\d+") as caught:
        trainer.train()
    assert "\n" not in str(caught.value)
    assert not trainer.checkpoint.exists()


@pytest.mark.parametrize("factor", [1e12, float("nan"), float("inf")])
def test_exploding_gradient_names_step_and_utterances(
    setting: Setting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factor: float
) -> None:
    really = training.gradients

    def gradients(model: AcousticModel, batch: Batch, draws: Draws, *others: Any) -> Any:
        losses, found = really(model, batch, draws, *others)
        return losses, [value * factor if draws.step == 1 else value for value in found]

    monkeypatch.setattr(training, "gradients", gradients)
    said = r"epoch 0, step 1, utterances u\d+, .*: a gradient is not finite or above"
    with pytest.raises(TrainingError, match=said):
        setting.trainer(tmp_path).train()
