"""The exact sum of gradients: no order, no grouping, no number of workers can change a bit of it."""

import math
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from asr.errors import TrainingError
from asr.training.gradients import (
    ExactSum,
    FloatSum,
    LayerNorms,
    clip,
    layer_of,
    name_troubled,
    squared_norms,
)

SHAPES = [(2, 3), (4,), ()]
values = st.floats(-1000, 1000, width=32)
parts = st.lists(st.lists(values, min_size=11, max_size=11), min_size=1, max_size=6)


def parameters() -> list[nn.Parameter]:
    return [nn.Parameter(torch.zeros(shape)) for shape in SHAPES]


def shaped(flat: list[float]) -> list[Tensor]:
    return [torch.tensor(flat[:6]).reshape(2, 3), torch.tensor(flat[6:10]), torch.tensor(flat[10])]


def total(gradients: list[list[float]]) -> list[list[float]]:
    exact = ExactSum(parameters())
    for gradient in gradients:
        exact.add(shaped(gradient), len(gradients), "all")
    return [value.flatten().tolist() for value in exact.gradients()]


@given(parts, st.randoms(use_true_random=False))
def test_order_does_not_matter(gradients: list[list[float]], random: "st.DataObject") -> None:
    shuffled = list(gradients)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert total(shuffled) == total(gradients)


@given(parts, st.integers(0, 6))
def test_grouping_does_not_matter(gradients: list[list[float]], cut: int) -> None:
    """Two processes sum a part each and then add their integers, as several machines will."""
    sums = []
    for group in (gradients[:cut], gradients[cut:]):
        exact = ExactSum(parameters())
        for gradient in group:
            exact.add(shaped(gradient), len(gradients), "all")
        sums.append(exact)
    joined = ExactSum(parameters())
    joined.flat.copy_(sums[0].flat + sums[1].flat)
    assert [value.flatten().tolist() for value in joined.gradients()] == total(gradients)


@given(parts)
def test_close_to_the_true_sum(gradients: list[list[float]]) -> None:
    found = [value for tensor in total(gradients) for value in tensor]
    for place, value in enumerate(found):
        true = math.fsum(gradient[place] for gradient in gradients)
        assert value == pytest.approx(true, rel=1e-7, abs=len(gradients) * 2.0**-40)


def test_plain_float_sums_do_depend_on_the_order() -> None:
    """What the exact sum is for."""
    numbers = [1e4, 1e-4, -1e4, 3e-4]
    one = sum(torch.tensor(numbers)).item()  # type: ignore[union-attr]
    two = sum(torch.tensor(sorted(numbers))).item()  # type: ignore[union-attr]
    assert one != two
    assert total([[n] * 11 for n in numbers]) == total([[n] * 11 for n in sorted(numbers)])


def test_many_workers_at_once() -> None:
    generator = torch.Generator().manual_seed(1)
    big = [nn.Parameter(torch.zeros(300, 40))]
    gradients = [torch.randn(300, 40, generator=generator) for _ in range(24)]
    sums = []
    for workers in (1, 4):
        exact = ExactSum(big)
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda gradient, to=exact: to.add([gradient], 24, "all"), gradients))
        sums.append(exact.gradients()[0])
    assert torch.equal(sums[0], sums[1])


def test_clear_begins_anew() -> None:
    exact = ExactSum(parameters())
    exact.add(shaped([1.0] * 11), 2, "a")
    exact.clear()
    exact.add(shaped([2.0] * 11), 2, "a")
    assert exact.gradients()[1].tolist() == [2.0] * 4


def test_gradients_are_those_added_and_no_others() -> None:
    exact = ExactSum(parameters())
    one, two = shaped([0.5] * 11), shaped([0.25] * 11)
    exact.add(one, 2, "a")
    exact.add(two, 2, "b")
    assert [value.unique().tolist() for value in exact.gradients()] == [[0.75]] * 3
    assert [value.dtype for value in exact.gradients()] == [torch.float32] * 3
    assert one[1].tolist() == [0.5] * 4  # not in place


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e30, -5e6])
def test_what_cannot_be_summed_names_the_utterances(bad: float) -> None:
    exact = ExactSum(parameters())
    gradient = shaped([0.5] * 11)
    gradient[1][2] = bad
    with pytest.raises(TrainingError, match="epoch 3, step 7, utterances a, b: a gradient is not finite"):
        exact.add(gradient, 2, "epoch 3, step 7, utterances a, b")
    assert not any(value.any() for value in exact.gradients())  # nothing of it was added


@pytest.mark.parametrize("share", [1, 2, 3, 1000])
def test_the_largest_parts_allowed_do_not_wrap(share: int) -> None:
    """As many parts as announced, each as large as is let in: the sum has the right sign and size."""
    largest = math.nextafter(2.0**22 / share, 0)
    exact = ExactSum([nn.Parameter(torch.zeros(1))])
    for _ in range(share):
        exact.add([torch.tensor([largest], dtype=torch.float64)], share, "all")
    assert exact.gradients()[0].item() == pytest.approx(2.0**22, rel=1e-6)
    with pytest.raises(TrainingError, match="above"):
        exact.add([torch.tensor([2.0**22 / share], dtype=torch.float64)], share, "all")


def test_as_many_gradients_as_parameters() -> None:
    with pytest.raises(ValueError, match="zip"):
        ExactSum(parameters()).add(shaped([1.0] * 11)[:2], 1, "all")


def float_total(gradients: list[list[float]]) -> list[list[float]]:
    plain = FloatSum(parameters())
    for gradient in gradients:
        plain.add(shaped(gradient), len(gradients), "all")
    return [value.flatten().tolist() for value in plain.gradients()]


def test_float_sum_by_hand() -> None:
    """Float32 has 24 bits: 2**24 + 1 is 2**24, but 1 + 1 comes first the other way round."""
    big = 2.0**24
    assert float_total([[big] * 11, [1.0] * 11, [1.0] * 11])[1] == [big] * 4
    assert float_total([[1.0] * 11, [1.0] * 11, [big] * 11])[1] == [big + 2] * 4


@given(parts)
def test_float_sum_is_a_sum(gradients: list[list[float]]) -> None:
    found = [value for tensor in float_total(gradients) for value in tensor]
    for place, value in enumerate(found):
        of_place = [gradient[place] for gradient in gradients]
        largest = sum(map(abs, of_place))
        assert value == pytest.approx(math.fsum(of_place), abs=len(gradients) * 2.0**-24 * largest + 1e-30)


def test_float_sum_begins_anew_and_gives_copies() -> None:
    plain = FloatSum(parameters())
    plain.add(shaped([1.0] * 11), 2, "a")
    before = plain.gradients()
    plain.clear()
    plain.add(shaped([2.0] * 11), 2, "a")
    assert [value.unique().tolist() for value in before] == [[1.0]] * 3
    assert [value.unique().tolist() for value in plain.gradients()] == [[2.0]] * 3
    assert [value.shape for value in before] == [torch.Size(shape) for shape in SHAPES]
    before[0].zero_()
    assert plain.gradients()[0].unique().tolist() == [2.0]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_float_sum_names_what_is_not_finite(bad: float) -> None:
    plain = FloatSum(parameters())
    gradient = shaped([0.5] * 11)
    gradient[2].fill_(bad)
    with pytest.raises(TrainingError, match="epoch 3, step 7, utterances a, b: a gradient is not finite"):
        plain.add(gradient, 2, "epoch 3, step 7, utterances a, b")
    assert not any(value.any() for value in plain.gradients())


def test_float_sum_from_several_workers_loses_nothing() -> None:
    """The order is theirs, every part is in it: whole numbers this small add up exactly."""
    big = [nn.Parameter(torch.zeros(300, 40))]
    plain = FloatSum(big)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: plain.add([torch.full((300, 40), float(n))], 100, "all"), range(100)))
    assert plain.gradients()[0].unique().tolist() == [4950.0]


@pytest.mark.parametrize(("kind", "dtype"), [(ExactSum, torch.int64), (FloatSum, torch.float32)])
def test_one_row_for_all_parameters(kind: type[ExactSum] | type[FloatSum], dtype: torch.dtype) -> None:
    """What ranks exchange is the sum itself, in the order of the parameters."""
    sums = kind(parameters())
    sums.add(shaped([float(n) for n in range(11)]), 1, "a")
    assert (sums.flat.shape, sums.flat.dtype) == ((11,), dtype)
    scale = 2**40 if dtype == torch.int64 else 1
    assert sums.flat.tolist() == [n * scale for n in range(11)]
    sums.flat += sums.flat.clone()
    assert [value.flatten().tolist() for value in sums.gradients()] == [
        [0.0, 2.0, 4.0, 6.0, 8.0, 10.0],
        [12.0, 14.0, 16.0, 18.0],
        [20.0],
    ]


def test_larger_than_a_piece_and_not_in_order() -> None:
    """Sums are made in pieces that fit into a cache; the last one is short, and a gradient may be a transposed view."""
    shape = (523, 401)  # three pieces and a bit
    generator = torch.Generator().manual_seed(1)
    one, two = (torch.randn(shape[::-1], generator=generator).T for _ in range(2))
    assert not one.is_contiguous()
    exact = ExactSum([nn.Parameter(torch.zeros(shape))])
    for part in (one, two):
        exact.add([part], 2, "all")
    (found,) = exact.gradients()
    expected = ((one.double() * 2**40).round() + (two.double() * 2**40).round()) / 2**40
    assert torch.equal(found, expected.float())


def test_clip_scales_all_gradients_together() -> None:
    gradients = [torch.tensor([3.0, 0.0]), torch.tensor([[4.0]])]
    assert clip(gradients, squared_norms(gradients), 2.5) == pytest.approx(5.0)
    assert gradients[0].tolist() == [1.5, 0.0]
    assert gradients[1].tolist() == [[2.0]]


def test_clip_leaves_small_gradients_alone() -> None:
    gradients = [torch.tensor([3.0, 4.0])]
    assert clip(gradients, squared_norms(gradients), 5.0) == 5.0
    assert gradients[0].tolist() == [3.0, 4.0]


def test_layers_by_name() -> None:
    assert layer_of("recurrent.0.weight_hh_l0") == "recurrent.0"
    assert layer_of("output.bias") == "output"


def test_norms_of_layers_by_hand() -> None:
    """Layer a has 3, 4, 0 in the first step (norm 5) and 1, 0, 0 in the second: root mean square sqrt(13)."""
    norms = LayerNorms(["a.weight", "a.bias", "b.weight"])
    norms.add([9.0, 16.0, 4.0])
    norms.add([1.0, 0.0, 4.0])
    assert norms.means() == pytest.approx({"a": math.sqrt(13), "b": 2.0})


def test_norms_go_on_where_they_stopped() -> None:
    names, gradients = ["a.weight", "b.weight"], [9.0, 0.01]
    whole = LayerNorms(names)
    for _ in range(3):
        whole.add(gradients)
    first = LayerNorms(names)
    first.add(gradients)
    second = LayerNorms(names, first.squares, 1)
    second.add(gradients)
    second.add(gradients)
    assert second.means() == whole.means()
    assert LayerNorms(names).means() == {"a": 0.0, "b": 0.0}


def test_trouble_is_named() -> None:
    norms = {"front": 1e-5, "middle": 0.1, "back": 500.0, "output": 0.2}
    vanishing, exploding = name_troubled(norms)
    assert vanishing == "gradient vanishes in front: 1.00e-05, output layer 2.00e-01"
    assert exploding == "gradient explodes in back: 5.00e+02, output layer 2.00e-01"


def test_no_trouble() -> None:
    assert name_troubled({"a": 1e-9, "b": 1e-8, "c": 1e-7}) == []  # the scale of a loss is arbitrary
    assert name_troubled({}) == []
    assert name_troubled({"a": 0.0, "b": 1.0, "c": 1.0})[0].startswith("gradient vanishes in a")
