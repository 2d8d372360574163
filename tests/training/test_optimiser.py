"""AdamW, its schedule, and the moving average of weights."""

import itertools
import math

import pytest
import torch
from torch import nn

from asr.model.acoustic import AcousticModel, new_model
from asr.recipe import FrontEnd, Model, Train
from asr.training.optimiser import WeightAverage, learning_rate, new_optimiser

SETTINGS = Train(learning_rate=0.01, warm_up=0.2, final_rate=0.1, weight_decay=0.3)


@pytest.fixture
def model() -> AcousticModel:
    return new_model(FrontEnd(mels=8), Model(projection=4, layers=1, hidden=3), 5, seed=1)


def test_rate_by_hand() -> None:
    def share(progress: float) -> float:
        return learning_rate(SETTINGS, progress) / 0.01

    assert share(0.0) == 0
    assert share(0.1) == pytest.approx(0.5)
    assert share(0.2) == pytest.approx(1.0)
    assert share(0.6) == pytest.approx(0.1 + 0.9 * 0.5)  # half way down a cosine
    assert share(0.4) == pytest.approx(0.1 + 0.9 * 0.5 * (1 + math.sqrt(0.5)))
    assert share(1.0) == pytest.approx(0.1)
    assert share(1.01) == pytest.approx(0.1)


@pytest.mark.parametrize("warm_up", [0.0, 0.2, 1.0])
def test_rate_rises_then_falls_without_jumps(warm_up: float) -> None:
    settings = SETTINGS.model_copy(update={"warm_up": warm_up})
    rates = [learning_rate(settings, step / 1000) for step in range(1001)]
    top = rates.index(max(rates))
    assert top == pytest.approx(1000 * warm_up, abs=1)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert max(abs(a - b) for a, b in itertools.pairwise(rates[: 1000 if warm_up == 1 else 1001])) < 1e-4


def test_biases_and_gains_do_not_decay(model: AcousticModel) -> None:
    optimiser = new_optimiser(model, SETTINGS, torch.device("cpu"))
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimiser.step()
    for name, value in model.named_parameters():
        kept = 1 - 0.01 * 0.3 if value.ndim > 1 else 1.0
        torch.testing.assert_close(value.detach(), before[name] * kept, msg=name)
    assert {name.rpartition(".")[2] for name, value in model.named_parameters() if value.ndim <= 1} >= {
        "bias"
    }


def test_a_step_is_adamw_by_hand() -> None:
    """First step: moments are corrected to g and g squared, so each weight moves by rate * sign(g)."""
    layer = nn.Linear(2, 1, bias=False)
    nn.init.ones_(layer.weight)
    optimiser = new_optimiser(layer, SETTINGS, torch.device("cpu"))
    layer.weight.grad = torch.tensor([[0.5, -2.0]])
    optimiser.step()
    kept = 1 - 0.01 * 0.3
    torch.testing.assert_close(layer.weight.detach(), torch.tensor([[kept - 0.01, kept + 0.01]]))


def filled(model: AcousticModel, value: float) -> AcousticModel:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    return model


def test_average_by_hand(model: AcousticModel) -> None:
    average = WeightAverage(filled(model, 1.0), decay=0.5)
    average.update(filled(model, 2.0), step=1)  # decay 1 / 10 at first
    assert average.model.output.bias[0].item() == pytest.approx(0.1 * 1 + 0.9 * 2)
    average.update(filled(model, 4.0), step=1000)  # decay 0.5 from then on
    assert average.model.output.bias[0].item() == pytest.approx(0.5 * 1.9 + 0.5 * 4)


def test_average_forgets_the_first_weights(model: AcousticModel) -> None:
    average = WeightAverage(filled(model, 1.0), decay=0.998)
    for step in range(1, 101):
        average.update(filled(model, 0.0), step)
    assert average.model.output.bias[0].item() < 1e-9


def test_no_averaging_is_the_weights_themselves(model: AcousticModel) -> None:
    average = WeightAverage(model, decay=0.0)
    other = new_model(FrontEnd(mels=8), Model(projection=4, layers=1, hidden=3), 5, seed=2)
    average.update(other, step=50)
    for ours, theirs in zip(average.model.parameters(), other.parameters(), strict=True):
        assert torch.equal(ours, theirs)


def test_average_is_a_copy_for_evaluation(model: AcousticModel) -> None:
    average = WeightAverage(model, decay=0.9)
    assert not average.model.training
    assert not any(parameter.requires_grad for parameter in average.model.parameters())
    filled(model, 7.0)
    assert not any((parameter == 7).any() for parameter in average.model.parameters())
