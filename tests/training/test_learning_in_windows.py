"""Long utterances in windows: every output once, and the gradient of all windows at once."""

from collections.abc import Sequence
from typing import Any

import miniature
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from asr.batching import Batch
from asr.errors import RecipeError
from asr.model.acoustic import AcousticModel, Posteriors, new_model
from asr.model.loss import ctc_loss
from asr.model.masking import Masks
from asr.randomness import Draws
from asr.recipe import Recipe
from asr.tokenizer import CharacterTokenizer
from asr.training.micro_batch import differentiate, losses_of, views_of, windows_of
from asr.training.risk import Risk
from asr.training.windows import Part, Windows, cut, hear_in_windows

TOKENS = 7
SECONDS = (3.1, 0.4, 1.7)
TARGETS, TARGET_LENGTHS = torch.tensor([[1, 2, 3], [1, 2, 0], [3, 2, 1]]), torch.tensor([3, 2, 3])


def recipe(**changes: Any) -> Recipe:
    keys = {"train__window_seconds": 0.8, "train__overlap_seconds": 0.3, "model__dropout": 0.3}
    return miniature.recipe(**keys | changes)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=4), st.integers(2, 20), st.data())
def test_every_output_counts_once_and_is_heard(outputs: list[int], size: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, size - 1))
    counted: dict[int, list[int]] = {row: [] for row in range(len(outputs))}
    for number, part in enumerate(cut(Windows(size, overlap, 160, 80), outputs)):
        assert part.number == number
        for row, end in zip(part.rows, part.ends, strict=True):
            assert part.begin <= part.first < end <= min(outputs[row], part.begin + size)
            counted[row] += range(part.first, end)
    assert counted == {row: list(range(count)) for row, count in enumerate(outputs)}


def test_windows_by_hand() -> None:
    """Eight outputs, four of them heard twice: of these the first two belong to the window before."""
    assert cut(Windows(8, 4, 160, 80), [15, 8]) == [
        Part(0, 0, 0, (0, 1), (6, 8)),
        Part(1, 4, 6, (0,), (10,)),
        Part(2, 8, 10, (0,), (15,)),
    ]


class Setting:
    """A model that has learned nothing, and noise for it to hear."""

    def __init__(self, settings: Recipe) -> None:
        rate = settings.front_end.sample_rate
        self.recipe = settings
        self.model = new_model(settings.front_end, settings.model, TOKENS, seed=1).train()
        self.samples = [round(seconds * rate) for seconds in SECONDS]
        self.waveforms = torch.zeros(len(SECONDS), max(self.samples))
        for row, count in enumerate(self.samples):
            noise = torch.randn(count, generator=torch.Generator().manual_seed(row))
            self.waveforms[row, :count] = 0.1 * noise
        self.lengths = torch.tensor(self.samples)
        self.draws = Draws(1, 0, 0, 0, ("a", "b", "c"))
        self.masks = self.model.draw_masks(self.samples, settings.spec_augment, self.draws)

    def heard(self, rows: Sequence[int] = range(3)) -> Posteriors:
        chosen = list(rows)
        windows = windows_of(self.recipe)
        assert windows is not None
        return hear_in_windows(
            self.model,
            windows,
            self.waveforms[chosen],
            self.lengths[chosen],
            self.draws,
            Masks(self.masks.bands[chosen], self.masks.frames[chosen]),
            [self.samples[row] for row in chosen],
        )


def loss(log_probs: Tensor, lengths: Tensor) -> Tensor:
    return ctc_loss(log_probs, lengths, TARGETS, TARGET_LENGTHS).sum()


def at_once(setting: Setting, masks: Masks, samples: Sequence[int]) -> tuple[Posteriors, list[Tensor]]:
    """One graph of every window of every utterance, each heard by itself; (T, V) of the middle layer, if it has one."""
    model, windows = setting.model, windows_of(setting.recipe)
    assert windows is not None
    whole: list[list[Tensor]] = [[] for _ in samples]
    between: list[list[Tensor]] = [[] for _ in samples]
    outputs = [model.output_length(count) for count in samples]
    parts = cut(windows, outputs)
    assert len(parts) > 4
    for part in parts:
        for row, end in zip(part.rows, part.ends, strict=True):
            start = part.begin * windows.samples
            stop = min(start + windows.outputs * windows.samples, samples[row])
            frames = masks.frames[row : row + 1] - start // windows.hop
            hidden = Masks(masks.bands[row : row + 1], frames)
            place = row % len(SECONDS)
            piece = setting.waveforms[place : place + 1, start:stop]
            alone = model(piece, torch.tensor([stop - start]), setting.draws, hidden)
            counts = slice(part.first - part.begin, end - part.begin)
            whole[row].append(alone.log_probs[0, counts])
            if alone.intermediate is not None:
                between[row].append(alone.intermediate[0, counts])
    joined = torch.nn.utils.rnn.pad_sequence([torch.cat(pieces) for pieces in whole], batch_first=True)
    return Posteriors(joined, torch.tensor(outputs)), [torch.cat(pieces) for pieces in between if pieces]


def gradients(total: Tensor, model: AcousticModel) -> list[Tensor]:
    return list(torch.autograd.grad(total, list(model.parameters())))


@pytest.mark.parametrize("middle", [0.0, 0.4])
def test_the_gradient_is_that_of_all_windows_at_once(middle: float) -> None:
    """Against one graph, put together here with every window of every utterance heard by itself."""
    setting = Setting(recipe(model__intermediate_loss=middle, model__dropout=0.0))
    whole, between = at_once(setting, setting.masks, setting.samples)
    expected = loss(whole.log_probs, whole.lengths)
    found = setting.heard()
    total = loss(found[0], found[1])
    if middle:
        assert found[2] is not None
        others = torch.nn.utils.rnn.pad_sequence(between, batch_first=True)
        expected, total = (
            expected + middle * loss(others, whole.lengths),
            total + middle * loss(found[2], found[1]),
        )
    assert found[1].tolist() == whole.lengths.tolist()
    torch.testing.assert_close(total, expected)
    for mine, its in zip(gradients(total, setting.model), gradients(expected, setting.model), strict=True):
        assert float((mine - its).norm()) < 1e-4 * float(its.norm())


@pytest.mark.parametrize("kind", ["n-best", "sampled"])
@pytest.mark.parametrize(
    "changes", [{"train__consistency": 0.3}, {"model__pyramid": 1, "model__intermediate_loss": 0.0}]
)
def test_errors_are_learned_from_over_all_windows(kind: str, changes: dict[str, Any]) -> None:
    """Losses of several readings over one hearing, with two views or a pyramid: as of one graph."""
    risk = {"kind": kind, "unit": "token", "ctc_weight": 0.0}
    setting = Setting(recipe(model__dropout=0.0, risk=risk, init={"from": "run"}, **changes))
    model, draws = setting.model, setting.draws
    with torch.no_grad():
        model.output.weight.mul_(3)  # surer of itself, so that it is not all but the same for every reading
    views = views_of(setting.recipe)
    masks = model.draw_masks(setting.samples, setting.recipe.spec_augment, draws, views)
    batch = Batch(draws.ids, setting.waveforms, setting.lengths, TARGETS, TARGET_LENGTHS)
    errors = Risk(setting.recipe.risk, CharacterTokenizer([" ", *"abcde"]))
    windows = windows_of(setting.recipe)
    found = losses_of(model, batch, masks, setting.samples, draws, errors, windows)
    expected = errors(at_once(setting, masks, setting.samples * views)[0], batch, draws)
    assert found.expected is not None
    torch.testing.assert_close(found.expected.each, expected.each)
    mine, its = differentiate(found, model, setting.recipe, 1), gradients(expected.goal, model)
    for one, other in zip(mine, its, strict=True):
        assert float((one - other).norm()) < 1e-3 * float(other.norm())


def test_both_hearings_of_a_window_drop_the_same_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the gradient would be of another loss: it is as finite differences of the loss say."""
    monkeypatch.setattr(Tensor, "float", lambda tensor: tensor)  # all of it in float64
    setting = Setting(recipe())
    model = setting.model.double()
    setting.waveforms = setting.waveforms.double()
    parameter = model.projection.weight
    found = gradients(loss(*setting.heard()[:2]), model)
    place = [name for name, _ in model.named_parameters()].index("projection.weight")
    direction = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(5)).double()
    sides = []
    for step in (1e-6, -1e-6):
        with torch.no_grad():
            parameter.add_(step * direction)
            sides.append(float(loss(*setting.heard()[:2])))
            parameter.sub_(step * direction)
    assert (sides[0] - sides[1]) / 2e-6 == pytest.approx(float((found[place] * direction).sum()), rel=1e-4)


def test_what_fits_into_a_window_is_heard_as_without_windows() -> None:
    setting = Setting(recipe())
    found = setting.heard([1])
    masks = Masks(setting.masks.bands[1:2], setting.masks.frames[1:2])
    plain = setting.model(setting.waveforms[1:2], setting.lengths[1:2], setting.draws, masks)
    assert torch.equal(found[0], plain.log_probs)


def test_a_frozen_part_gets_no_gradient() -> None:
    setting = Setting(recipe())
    setting.model.convolutions.requires_grad_(False)
    learning = [parameter for parameter in setting.model.parameters() if parameter.requires_grad]
    found = torch.autograd.grad(loss(*setting.heard()[:2]), learning)
    assert len(found) == len(learning) < len(list(setting.model.parameters()))


def test_all_that_the_middle_layer_comes_from_is_frozen() -> None:
    """What is learned above it is learned as without its loss."""
    setting = Setting(recipe(model__intermediate_loss=0.4))
    learning = [*setting.model.recurrent[1].parameters(), *setting.model.norms[1].parameters()]
    setting.model.requires_grad_(False)
    for parameter in learning:
        parameter.requires_grad_(True)
    heard = setting.heard()
    assert heard.intermediate is not None
    alone = torch.autograd.grad(loss(heard.log_probs, heard.lengths), learning, retain_graph=True)
    both = loss(heard.log_probs, heard.lengths) + loss(heard.intermediate, heard.lengths)
    for one, other in zip(torch.autograd.grad(both, learning), alone, strict=True):
        assert one.any()
        assert torch.equal(one, other)


def test_an_overlap_as_long_as_the_window() -> None:
    with pytest.raises(RecipeError, match="overlap_seconds < window_seconds, got 4 and 3"):
        miniature.recipe(train__window_seconds=3.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"model__attention_decoder": {"layers": 1, "hidden": 8, "heads": 2}},
        {"model__pyramid": 1, "model__intermediate_loss": 0.3},
    ],
)
def test_what_windows_do_not_give(changes: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="train.window_seconds"):
        recipe(**changes)
