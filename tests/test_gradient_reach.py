"""How far a gradient reaches, beside what can be worked out by hand; and the corpus that it is measured on."""

import importlib.util
from itertools import product
from pathlib import Path
from types import ModuleType

import pytest
import torch

from asr.model.acoustic import AcousticModel, new_model
from asr.recipe import FrontEnd, Model

BENCHMARKS = Path(__file__).resolve().parents[1] / "benchmarks"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def small(**settings: object) -> AcousticModel:
    given = {"projection": 3, "hidden": 4, "layers": 1, "bidirectional": False, "normalisation": "none"}
    return new_model(FrontEnd(mels=8), Model.model_validate({**given, **settings}), 5, seed=1).double().eval()


def norms_of(reach: ModuleType, model: AcousticModel, values: torch.Tensor, time: int) -> torch.Tensor:
    """(T,) Frobenius norms, of every direction of the output by itself."""
    width = model.settings.width
    lengths, times = torch.full((width,), values.shape[1]), torch.full((width,), time)
    every = torch.eye(width, dtype=torch.float64)
    found: torch.Tensor = reach.influence(model, values.expand(width, -1, -1), lengths, times, every)
    return found.square().sum(0).sqrt()


def test_linear_recurrence_by_hand() -> None:
    """h(t) = 0.5 Q h(t-1) + U x(t) with Q orthogonal, where tanh is all but a line: |U| 0.5^k at distance k."""
    reach = load("gradient_reach")
    model = small(cell="rnn")
    layer = model.recurrent[0]
    with torch.no_grad():
        layer.weight_hh_l0 *= 0.5
        layer.weight_ih_l0 *= 1e-3
    norms = norms_of(reach, model, torch.ones(1, 9, 3, dtype=torch.float64), time=6)
    whole = float(layer.weight_ih_l0.detach().norm())
    expected = [whole * 0.5**away for away in (6, 5, 4, 3, 2, 1, 0)] + [0.0, 0.0]
    assert norms.tolist() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_finite_differences(cell: str) -> None:
    """Two layers, both directions, layer normalisation: input by input."""
    reach = load("gradient_reach")
    model = small(cell=cell, layers=2, bidirectional=True, normalisation="layer", projection=2, hidden=2)
    generator = torch.Generator().manual_seed(3)
    values = torch.randn(1, 5, 2, generator=generator, dtype=torch.float64)
    lengths, step = torch.tensor([5]), 1e-6

    def output(given: torch.Tensor) -> torch.Tensor:
        heard = given
        for index in range(2):
            heard = model._layer(index, heard, lengths, None, None)
        return heard[0, 3]

    squares = torch.zeros(5, dtype=torch.float64)
    for frame, value in product(range(5), range(2)):
        moved = torch.zeros_like(values)
        moved[0, frame, value] = step
        slope = (output(values + moved) - output(values - moved)) / (2 * step)
        squares[frame] += slope.square().sum()
    assert norms_of(reach, model, values, time=3).tolist() == pytest.approx(squares.sqrt().tolist(), rel=1e-5)


def test_by_distance() -> None:
    """Two rows of other lengths: root mean squares over both sides, without what is past an end."""
    reach = load("gradient_reach")
    norms = torch.tensor([[1.0, 2.0, 3.0, 9.0], [4.0, 5.0, 6.0, 7.0]], dtype=torch.float64)
    found = reach.by_distance(norms, torch.tensor([1, 3]), torch.tensor([3, 4]), 3)
    expected = [(4 + 49) / 2, (1 + 9 + 36) / 3, 25.0, 16.0]
    assert found.square().tolist() == pytest.approx(expected)


def test_joined_utterances() -> None:
    """None twice, within the bounds, and what is left over is less than the shortest."""
    joined = load("long_digits").joined
    seconds = [1.5, 2.25, 0.75, 3.0, 1.0, 2.0, 1.25, 0.5, 2.75, 1.75]
    found = list(joined(seconds, "en+voice", (3.0, 7.0)))
    used = [each for taken in found for each in taken]
    assert len(used) == len(set(used))
    assert all(3.0 <= sum(seconds[each] for each in taken) <= 7.0 for taken in found)
    assert sum(seconds) - sum(seconds[each] for each in used) < 3.0
    assert found == list(joined(seconds, "en+voice", (3.0, 7.0)))
    assert found != list(joined(seconds, "en+other", (3.0, 7.0)))


def test_over_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Differences 1, 2, 3: t = 2 / (1 / sqrt 3) with two degrees of freedom, for which p = 1 - t / sqrt(t^2 + 2)."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    found = load("sequence_length_effects").over_seeds([1.0, 2.0, 3.0])
    assert found["deviation"] == pytest.approx(1.0)
    assert found["p"] == pytest.approx(1 - (12 / 14) ** 0.5)
