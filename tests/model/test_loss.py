"""CTC against the sum over all paths, and against values worked out by hand."""

import itertools
import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from asr.model.loss import ctc_at_once, ctc_loss, ctc_losses, disagreement, frames_needed


def collapse(path: Sequence[int]) -> tuple[int, ...]:
    """Repeats merged, then blanks removed."""
    return tuple(token for token, _ in itertools.groupby(path) if token != 0)


def brute_force(log_probs: Tensor, target: Sequence[int]) -> float:
    """Minus the log of the summed probability of every path that says the target."""
    frames, tokens = log_probs.shape
    total = sum(
        math.exp(sum(log_probs[t, token].item() for t, token in enumerate(path)))
        for path in itertools.product(range(tokens), repeat=frames)
        if collapse(path) == tuple(target)
    )
    return -math.log(total) if total else math.inf


def loss_of(log_probs: Tensor, *targets: Sequence[int], lengths: Sequence[int] = ()) -> Tensor:
    longest = max(map(len, targets))
    padded = torch.tensor([list(target) + [0] * (longest - len(target)) for target in targets])
    frames = torch.tensor(lengths or [log_probs.shape[1]] * len(targets))
    return ctc_loss(log_probs, frames, padded, torch.tensor([len(target) for target in targets]))


@pytest.mark.parametrize(
    ("frames", "tokens", "target", "paths"),
    [
        (3, 4, (1, 2), 5),  # 012 102 112 120 122
        (2, 4, (1, 2), 1),
        (3, 2, (1,), 6),  # 001 010 011 100 110 111
        (3, 3, (1, 1), 1),  # 101
        (4, 3, (1, 1), 5),  # 0101 1001 1010 1011 1101
        (3, 4, (), 1),
    ],
)
def test_equally_likely_symbols(frames: int, tokens: int, target: tuple[int, ...], paths: int) -> None:
    log_probs = torch.full((1, frames, tokens), -math.log(tokens))
    assert loss_of(log_probs, target).item() == pytest.approx(-math.log(paths / tokens**frames), abs=1e-5)


@given(st.integers(0, 1000), st.integers(1, 5), st.integers(2, 4), st.lists(st.integers(1, 3), max_size=4))
def test_sum_over_all_paths(seed: int, frames: int, tokens: int, target: list[int]) -> None:
    target = [min(token, tokens - 1) for token in target]
    generator = torch.Generator().manual_seed(seed)
    log_probs = (2 * torch.randn(1, frames, tokens, generator=generator)).log_softmax(-1)
    expected = brute_force(log_probs[0], target)
    assert loss_of(log_probs, target).item() == pytest.approx(expected, abs=1e-4)
    assert math.isinf(expected) == (frames < frames_needed(target))


def test_batch_is_every_utterance_by_itself() -> None:
    log_probs = torch.randn(3, 6, 4).log_softmax(-1)
    targets, lengths = [(1, 2, 3), (2,), (3, 3)], [6, 2, 4]
    together = loss_of(log_probs, *targets, lengths=lengths)
    for row, (target, length) in enumerate(zip(targets, lengths, strict=True)):
        alone = loss_of(log_probs[row : row + 1, :length], target)
        assert together[row].item() == pytest.approx(alone.item(), abs=1e-5)
        assert alone.item() == pytest.approx(brute_force(log_probs[row, :length], target), abs=1e-4)


def test_no_gradient_past_the_end() -> None:
    values = torch.randn(2, 6, 4, requires_grad=True)
    loss_of(values.log_softmax(-1), (1, 2), (3,), lengths=[4, 6]).sum().backward()
    assert values.grad is not None
    assert not values.grad[0, 4:].any()
    assert values.grad[0, :4].any()
    assert values.grad[1, 5].any()


def test_target_that_does_not_fit_is_infinite_not_hidden() -> None:
    log_probs = torch.randn(2, 3, 4).log_softmax(-1)
    losses = loss_of(log_probs, (1, 1, 2), (1, 2, 3))
    assert losses[0].item() == math.inf
    assert losses[1].isfinite()


@pytest.mark.parametrize(
    ("target", "needed"), [([], 0), ([1], 1), ([1, 2], 2), ([1, 1], 3), ([1, 1, 1, 2, 2], 8), ([2, 1, 2], 3)]
)
def test_frames_needed_by_hand(target: list[int], needed: int) -> None:
    assert frames_needed(target) == needed


def test_disagreement_by_hand() -> None:
    """Of two frames; then of one, the second being padding. KL(p|q) is the sum of p ln(p/q)."""
    one = torch.tensor([[[0.5, 0.5], [0.5, 0.5]]]).log().repeat(2, 1, 1)
    other = torch.tensor([[[0.25, 0.75], [0.5, 0.5]], [[0.5, 0.5], [0.01, 0.99]]]).log()
    to_other = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    to_one = 0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)
    found = disagreement(one, other, torch.tensor([2, 1]))
    assert found.tolist() == pytest.approx([(to_other + to_one) / 2, 0.0], abs=1e-6)
    torch.testing.assert_close(disagreement(other, one, torch.tensor([2, 1])), found)


def test_disagreement_moves_each_towards_the_other_as_it_is() -> None:
    """The gradient of KL(goal | softmax(x)) is softmax(x) - goal: the goal itself stays where it is."""
    one, other = torch.randn(1, 3, 4, requires_grad=True), torch.randn(1, 3, 4, requires_grad=True)
    disagreement(one.log_softmax(-1), other.log_softmax(-1), torch.tensor([2])).sum().backward()
    assert one.grad is not None
    assert other.grad is not None
    expected = (one.softmax(-1) - other.softmax(-1)).detach() / 2
    torch.testing.assert_close(one.grad[:, :2], expected[:, :2])
    torch.testing.assert_close(other.grad[:, :2], -expected[:, :2])
    assert not one.grad[:, 2].any()
    assert not other.grad[:, 2].any()


def test_several_readings_at_once_are_each_by_itself() -> None:
    """Of other lengths; and each gradient goes to its own reading."""
    generator = torch.Generator().manual_seed(1)
    heard = [
        (torch.randn(2, frames, 5, generator=generator, dtype=torch.float64).requires_grad_(), lengths)
        for frames, lengths in ((9, torch.tensor([9, 6])), (14, torch.tensor([14, 11])))
    ]
    targets, counts = torch.tensor([[1, 2, 2], [3, 0, 0]]), torch.tensor([3, 1])
    arguments = [(values.log_softmax(-1), lengths) for values, lengths in heard]
    for together in (ctc_losses, ctc_at_once):
        for number, found in enumerate(together(arguments, targets, counts)):
            alone = ctc_loss(*arguments[number], targets, counts)
            torch.testing.assert_close(found, alone)
            values = [values for values, _ in heard]
            mine = torch.autograd.grad(found.sum(), values, retain_graph=True, allow_unused=True)
            expected = torch.autograd.grad(alone.sum(), values[number], retain_graph=True)[0]
            torch.testing.assert_close(mine[number], expected)
            assert mine[1 - number] is None or not mine[1 - number].any()
