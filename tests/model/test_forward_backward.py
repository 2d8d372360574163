"""Our CTC against brute force, against torch's in double precision, and against finite differences."""

import itertools
import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from test_loss import brute_force, collapse
from torch import Tensor

from asr.model.forward_backward import ctc_by_frames
from asr.model.loss import ctc_loss, frames_needed


def batch_of(targets: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    longest = max(map(len, targets))
    padded = torch.tensor([list(target) + [0] * (longest - len(target)) for target in targets])
    return padded.view(len(targets), longest).long(), torch.tensor([len(target) for target in targets])


def drawn(seed: int, *shape: int, sharpness: float = 2.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return sharpness * torch.randn(*shape, generator=generator, dtype=torch.float64)


def ours(log_probs: Tensor, targets: Sequence[Sequence[int]], lengths: Sequence[int] = ()) -> Tensor:
    frames = torch.tensor(lengths or [log_probs.shape[1]] * len(targets))
    return ctc_by_frames(log_probs, frames, *batch_of(targets))


@pytest.mark.parametrize(
    ("frames", "tokens", "target", "paths"),
    [
        (3, 4, (1, 2), 5),  # 012 102 112 120 122
        (3, 2, (1,), 6),  # 001 010 011 100 110 111
        (3, 3, (1, 1), 1),  # 101
        (4, 3, (1, 1), 5),  # 0101 1001 1010 1011 1101
        (3, 4, (), 1),
        (1, 4, (3,), 1),
    ],
)
def test_equally_likely_symbols(frames: int, tokens: int, target: tuple[int, ...], paths: int) -> None:
    log_probs = torch.full((1, frames, tokens), -math.log(tokens), dtype=torch.float64)
    assert ours(log_probs, [target]).item() == pytest.approx(-math.log(paths / tokens**frames), abs=1e-12)


@given(st.integers(0, 1000), st.integers(1, 5), st.integers(2, 4), st.lists(st.integers(1, 3), max_size=4))
def test_sum_over_all_paths(seed: int, frames: int, tokens: int, target: list[int]) -> None:
    target = [min(token, tokens - 1) for token in target]
    log_probs = drawn(seed, 1, frames, tokens).log_softmax(-1)
    expected = brute_force(log_probs[0], target)
    assert ours(log_probs, [target]).item() == pytest.approx(expected, abs=1e-9)
    assert math.isinf(expected) == (frames < frames_needed(target))


@given(st.integers(0, 1000), st.integers(2, 5), st.lists(st.integers(1, 2), min_size=1, max_size=2))
def test_gradient_is_how_often_a_path_comes_by(seed: int, frames: int, target: list[int]) -> None:
    """Minus the share of the target's paths, weighted by their probability, that say a token in a frame."""
    log_probs = drawn(seed, 1, frames, 3).log_softmax(-1).requires_grad_()
    paths = [p for p in itertools.product(range(3), repeat=frames) if collapse(p) == tuple(target)]
    if not paths:
        return
    weights = [math.exp(sum(log_probs[0, t, token].item() for t, token in enumerate(path))) for path in paths]
    expected = torch.zeros(frames, 3, dtype=torch.float64)
    for path, weight in zip(paths, weights, strict=True):
        for frame, token in enumerate(path):
            expected[frame, token] -= weight / sum(weights)
    (found,) = torch.autograd.grad(ours(log_probs, [target]).sum(), log_probs)
    torch.testing.assert_close(found[0], expected, atol=1e-9, rtol=0)


TARGETS = [(1, 2, 2, 3), (4,), (), (3, 3, 3), (1, 2, 1, 2, 1)]
LENGTHS = [9, 4, 3, 12, 7]


def test_finite_differences() -> None:
    log_probs = drawn(1, 5, 12, 5).log_softmax(-1).requires_grad_()
    assert torch.autograd.gradcheck(lambda values: ours(values, TARGETS, LENGTHS), log_probs)


@given(st.integers(0, 10_000), st.floats(0.1, 30.0))
def test_as_torch_in_double_precision(seed: int, sharpness: float) -> None:
    """Losses, and gradients of what the softmax is taken of; at 30, paths differ by hundreds of nats."""
    one = drawn(seed, 5, 12, 5, sharpness=sharpness).requires_grad_()
    two = one.detach().clone().requires_grad_()
    weights = drawn(seed + 1, 5)
    found = ours(one.log_softmax(-1), TARGETS, LENGTHS)
    expected = ctc_loss(two.log_softmax(-1), torch.tensor(LENGTHS), *batch_of(TARGETS))
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-9)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    assert one.grad is not None
    assert two.grad is not None
    torch.testing.assert_close(one.grad, two.grad, rtol=0, atol=1e-9 * (1 + weights.abs().max().item()))


def test_closer_than_torch_in_single_precision() -> None:
    """Six seconds of speech and 60 letters: the posteriors are right to seven digits."""
    logits = drawn(1, 3, 300, 29)
    targets = torch.randint(1, 29, (3, 60), generator=torch.Generator().manual_seed(2)).tolist()
    exact = logits.clone().requires_grad_()
    lengths = torch.tensor([300, 250, 200])
    ctc_loss(exact.log_softmax(-1), lengths, *batch_of(targets)).sum().backward()
    errors = []
    for loss in (ctc_by_frames, ctc_loss):
        values = logits.float().requires_grad_()
        loss(values.log_softmax(-1), lengths, *batch_of(targets)).sum().backward()
        assert exact.grad is not None
        assert values.grad is not None
        errors.append((values.grad - exact.grad).abs().max().item())
    assert errors[0] < 2e-6
    assert errors[0] < errors[1] / 10


def test_padding_is_not_heard() -> None:
    """Neither frames past the end, whatever is there, nor tokens past the end, nor other utterances."""
    log_probs = drawn(1, 5, 12, 5).log_softmax(-1)
    for row, length in enumerate(LENGTHS):
        log_probs[row, length:] = math.nan if row % 2 else -math.inf
    values = log_probs.clone().requires_grad_()
    together = ours(values, TARGETS, LENGTHS)
    together.sum().backward()
    assert values.grad is not None
    for row, (target, length) in enumerate(zip(TARGETS, LENGTHS, strict=True)):
        alone = log_probs[row : row + 1, :length].clone().requires_grad_()
        loss = ours(alone, [target])
        loss.sum().backward()
        assert alone.grad is not None
        assert together[row].item() == pytest.approx(loss.item(), abs=1e-12)
        torch.testing.assert_close(values.grad[row, :length], alone.grad[0], atol=1e-12, rtol=0)
        assert not values.grad[row, length:].any()


def test_target_that_does_not_fit_is_infinite_and_spoils_no_other() -> None:
    values = drawn(1, 2, 3, 4).log_softmax(-1).requires_grad_()
    losses = ours(values, [(1, 1, 2), (1, 2, 3)])
    assert losses[0].item() == math.inf
    losses.sum().backward()
    assert values.grad is not None
    assert not values.grad[0].any()
    torch.testing.assert_close(values.grad[1].sum(-1), -torch.ones(3, dtype=torch.float64))


def test_impossible_frames_are_no_trouble() -> None:
    """A probability of zero, exactly: paths around it count."""
    log_probs = torch.full((1, 4, 3), math.log(1 / 3), dtype=torch.float64)
    log_probs[0, 1, 0] = -math.inf
    values = log_probs.requires_grad_()
    loss = ours(values, [(1, 2)])
    # Of the 15 paths, those that say something in the second frame.
    paths = [p for p in itertools.product(range(3), repeat=4) if collapse(p) == (1, 2) and p[1] != 0]
    assert loss.item() == pytest.approx(-math.log(len(paths) / 3**4), abs=1e-12)
    loss.sum().backward()
    assert values.grad is not None
    assert values.grad[0, 1, 0] == 0
    torch.testing.assert_close(values.grad.sum(-1), -torch.ones(1, 4, dtype=torch.float64))


def test_types_and_gradients_that_nobody_wants() -> None:
    log_probs = drawn(1, 2, 6, 4).log_softmax(-1)
    for dtype in (torch.float32, torch.float64):
        values = log_probs.to(dtype).requires_grad_()
        losses = ours(values, [(1, 2), (3,)])
        assert losses.dtype == dtype
        (gradient,) = torch.autograd.grad(losses.sum(), values)
        assert gradient.dtype == dtype
        with torch.no_grad():
            assert torch.equal(ours(values, [(1, 2), (3,)]), losses)


def test_same_bits_every_time() -> None:
    values = drawn(1, 5, 12, 5).float().log_softmax(-1).requires_grad_()
    found = [torch.autograd.grad(ours(values, TARGETS, LENGTHS).sum(), values)[0] for _ in range(3)]
    assert torch.equal(found[0], found[1])
    assert torch.equal(found[0], found[2])
