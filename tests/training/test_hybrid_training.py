"""Learning with an attention decoder beside the CTC output: the joint loss, its gradient, what a training promises."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import miniature
import pytest
import torch
from device_training import Lesson, left_behind, lesson
from thread_ranks import Meeting, ThreadRanks
from torch import Tensor

from asr.batching import Batch
from asr.errors import TrainingError
from asr.model.acoustic import AcousticModel, new_model
from asr.randomness import Draws, numpy_generator
from asr.recipe import Recipe
from asr.training import micro_batch
from asr.training.micro_batch import Losses, besides_of, gradients, load, losses_of
from asr.training.reports import Interrupted

DECODER: dict[str, Any] = {"layers": 1, "hidden": 8, "heads": 2}
HYBRID = miniature.recipe(train__epochs=2, train__utterances=1, model__attention_decoder=DECODER)
STILL = miniature.recipe(
    spec_augment={"frequency_masks": 0, "time_masks": 0},
    model__dropout=0.0,
    model__attention_decoder=DECODER | {"dropout": 0.0, "loss_share": 0.4},
)
TOKENS = 20


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Lesson:
    return lesson(tmp_path_factory.mktemp("audio"))


@pytest.fixture(scope="module")
def plain(taught: Lesson, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, ...]:
    trainer = taught.trainer(tmp_path_factory.mktemp("plain"), HYBRID)
    trainer.train()
    return left_behind(trainer)


def model_of(taught: Lesson, recipe: Recipe) -> AcousticModel:
    return new_model(recipe.front_end, recipe.model, taught.tokens, seed=1).train()


def heard(model: AcousticModel, taught: Lesson, rows: Sequence[int], recipe: Recipe) -> tuple[Batch, Losses]:
    batch = load(taught.examples, tuple(rows), recipe, 0)
    samples = batch.waveform_lengths.tolist()
    draws = Draws(1, 0, 0, 0, batch.ids)
    views = micro_batch.views_of(recipe)
    masks = model.draw_masks(samples, recipe.spec_augment, draws, views)
    return batch, losses_of(model, batch, masks, samples, draws)


def test_a_loss_is_that_of_the_utterance_alone(taught: Lesson) -> None:
    model = model_of(taught, STILL)
    _, together = heard(model, taught, range(6), STILL)
    assert together.attention is not None and besides_of(STILL) == len(together.besides) == 1
    for row in range(6):
        _, alone = heard(model, taught, [row], STILL)
        assert alone.attention is not None
        torch.testing.assert_close(together.attention[row], alone.attention[0], atol=1e-4, rtol=1e-5)


def test_the_joint_loss_by_hand(taught: Lesson) -> None:
    """With a loss of the middle layer, too, which shares in that of CTC, and with two views, whose mean it is."""
    recipe = miniature.recipe(
        model__intermediate_loss=0.3,
        train__consistency=0.2,
        spec_augment={"frequency_masks": 0, "time_masks": 0},
        model__dropout=0.0,
        model__attention_decoder=DECODER | {"dropout": 0.0, "loss_share": 0.4},
    )
    model = model_of(taught, recipe)
    _, losses = heard(model, taught, range(3), recipe)
    assert losses.middle is not None and losses.attention is not None and losses.disagreement is not None
    assert besides_of(recipe) == len(losses.besides) == 3
    ctc = 0.7 * losses.each.sum() + 0.3 * losses.middle.sum()
    total = 0.6 * ctc + 0.4 * losses.attention.sum() + 0.2 * losses.disagreement.sum()
    torch.testing.assert_close(losses.total(recipe), total)
    _, once = heard(model, taught, range(3), STILL)
    assert once.attention is not None
    torch.testing.assert_close(losses.attention, once.attention)  # nothing is hidden: both views are alike


def test_the_gradient_of_the_joint_loss_is_that_of_finite_differences(taught: Lesson) -> None:
    """In three directions in the space of all weights, in double precision but for the front end."""
    model = model_of(taught, STILL)
    batch = load(taught.examples, (0, 1), STILL, 0)
    draws = Draws(1, 0, 0, 0, batch.ids)
    _, found = gradients(model, batch, draws, STILL, TOKENS)

    def loss(shift: Sequence[Tensor], size: float) -> float:
        with torch.no_grad():
            for parameter, step in zip(model.parameters(), shift, strict=True):
                parameter += size * step
            total = heard(model, taught, (0, 1), STILL)[1].total(STILL) / TOKENS
            for parameter, step in zip(model.parameters(), shift, strict=True):
                parameter -= size * step
        return float(total.double())

    names = [name for name, _ in model.named_parameters()]
    for part in ("attention_decoder", "recurrent", ""):
        generator = numpy_generator(1, "direction", part)
        shift = [
            torch.from_numpy(generator.standard_normal(tuple(value.shape))).float() * name.startswith(part)
            for name, value in zip(names, found, strict=True)
        ]
        expected = sum(float((step.double() * value).sum()) for step, value in zip(shift, found, strict=True))
        assert (loss(shift, 3e-3) - loss(shift, -3e-3)) / 6e-3 == pytest.approx(expected, rel=0.03, abs=0.01)


def test_the_joint_loss_falls(taught: Lesson) -> None:
    recipe, model = STILL, model_of(taught, STILL)
    optimiser = torch.optim.AdamW(model.parameters(), lr=0.02)
    found = []
    for _ in range(15):
        losses = heard(model, taught, range(6), recipe)[1]
        assert losses.attention is not None
        found.append((float(losses.each.sum().detach()), float(losses.attention.sum().detach())))
        optimiser.zero_grad()
        losses.total(recipe).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    assert found[-1][0] < 0.8 * found[0][0]
    assert found[-1][1] < 0.8 * found[0][1]


def test_workers_change_nothing(taught: Lesson, tmp_path: Path, plain: tuple[Any, ...]) -> None:
    trainer = taught.trainer(tmp_path, HYBRID, workers=3)
    trainer.train()
    assert left_behind(trainer) == plain


@pytest.mark.parametrize("steps", [2, 7])
def test_an_interruption_changes_nothing(
    taught: Lesson, tmp_path: Path, plain: tuple[Any, ...], steps: int
) -> None:
    with pytest.raises(Interrupted):
        taught.trainer(tmp_path, HYBRID, should_stop=miniature.on_step(steps)).train()
    trainer = taught.trainer(tmp_path, HYBRID)
    trainer.train()
    assert left_behind(trainer) == plain


def test_processes_change_nothing(taught: Lesson, tmp_path: Path, plain: tuple[Any, ...]) -> None:
    meeting = Meeting(2)
    ranks = [ThreadRanks(rank, 2, meeting=meeting) for rank in range(2)]
    trainers = [taught.trainer(tmp_path / str(each.rank), HYBRID, ranks=each) for each in ranks]
    with ThreadPoolExecutor(2, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        for job in [pool.submit(trainer.train) for trainer in trainers]:
            job.result()
    assert left_behind(trainers[0]) == plain


def test_a_loss_that_is_not_finite_names_the_utterances(taught: Lesson) -> None:
    model = model_of(taught, STILL)
    assert model.attention_decoder is not None
    with torch.no_grad():
        model.attention_decoder.output.bias.fill_(float("nan"))
    batch = load(taught.examples, (0, 1), STILL, 0)
    with pytest.raises(TrainingError, match=f"loss is nan on {batch.ids[0]}, {batch.ids[1]}"):
        gradients(model, batch, Draws(1, 0, 0, 0, batch.ids), STILL, TOKENS)
