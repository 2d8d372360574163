"""Errors that are expected, and which way they fall: by all paths of tiny cases, by hand, by finite differences."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_risk import (
    LETTERS,
    PATHS,
    SIZE,
    Tokens,
    by_tokens,
    errors_of,
    found,
    gradient,
    some_logits,
    tokens_of,
)

from asr import recipe
from asr.tokenizer import CharacterTokenizer
from asr.training.hypotheses import BestReadings, drawn_readings
from asr.training.risk import best_weights, drawn_weights

# --- what is expected over the n best


@pytest.mark.parametrize("unit", ["word", "character", "token"])
@pytest.mark.parametrize("seed", range(4))
def test_over_all_that_can_be_read(seed: int, unit: str) -> None:
    """With room for every reading, it is the expectation over all paths, and its gradient.

    What spaces double or add at the ends is one reading to the search, whose own likelihood is without these paths.
    """
    logits = some_logits(seed)
    matrix = logits.log_softmax(-1)
    settings = recipe.Risk(kind="n-best", hypotheses=200, beam=500, unit=unit)  # type: ignore[arg-type]
    mine = found(matrix, settings)
    every = by_tokens(matrix)
    proper = {t: p for t, p in every.items() if "  " not in (text := spelled(t)) and text == text.strip()}
    total = sum(proper.values(), torch.zeros(()))
    expected = sum((p / total * errors_of(t, unit) for t, p in proper.items()), torch.zeros(()))
    assert mine.each.tolist() == pytest.approx([expected.item()], rel=1e-6)
    torch.testing.assert_close(gradient(mine.goal, logits), gradient(expected, logits), rtol=1e-5, atol=1e-8)


def spelled(tokens: Tokens) -> str:
    return "".join(LETTERS.alphabet[token - 1] for token in tokens)


def test_two_readings_by_hand() -> None:
    """Probabilities 0.6 and 0.2 become 3/4 and 1/4; with 0 and 2 errors 0.5 are expected."""
    scores = torch.tensor([math.log(0.6), math.log(0.2)], dtype=torch.float64)
    expected, weights = best_weights(scores, torch.tensor([0.0, 2.0]).double(), torch.ones(2))
    assert expected.item() == pytest.approx(0.5)
    assert weights.tolist() == pytest.approx([-0.375, 0.375])  # 3/4 (0 - 1/2), 1/4 (2 - 1/2)


@given(st.lists(st.tuples(st.floats(-30, 0), st.integers(0, 9)), min_size=2, max_size=6))
def test_the_weights_are_the_derivative(pairs: list[tuple[float, int]]) -> None:
    """Against differentiation by torch, and a raised baseline changes nothing: the weights sum to 0."""
    scores = torch.tensor([score for score, _ in pairs], dtype=torch.float64, requires_grad=True)
    errors = torch.tensor([float(count) for _, count in pairs], dtype=torch.float64)
    direct = (scores.softmax(0) * errors).sum()
    expected, weights = best_weights(scores.detach(), errors, torch.ones(len(pairs)))
    assert expected.item() == pytest.approx(direct.item())
    torch.testing.assert_close(weights, gradient(direct, scores))
    assert weights.sum().item() == pytest.approx(0.0, abs=1e-12)


def test_finite_differences() -> None:
    """The same four readings a little to either side: how the expectation moves with each log-prob before the
    normalisation."""
    logits = some_logits(5, frames=6)
    settings = recipe.Risk(kind="n-best")
    mine = gradient(found(logits.log_softmax(-1), settings).goal, logits)
    step = 1e-5
    for place in itertools.product(range(6), range(SIZE)):
        moved = []
        for sign in (1, -1):
            other = logits.detach().clone()
            other[0][place] += sign * step
            moved.append(found(other.log_softmax(-1), settings).each.item())
        assert mine[0][place].item() == pytest.approx((moved[0] - moved[1]) / (2 * step), abs=1e-7)


def test_best_readings_are_the_most_probable() -> None:
    """Without a separator each sequence of tokens is a reading of its own."""
    matrix = some_logits(3).detach().log_softmax(-1)
    every = by_tokens(matrix)
    ranked = sorted(every, key=lambda tokens: -every[tokens].item())
    search = BestReadings(CharacterTokenizer("abc"), 5, 200)
    assert search(matrix[0].numpy()) == ranked[:5]


# --- what is expected over readings that are drawn


@pytest.mark.parametrize("seed", range(3))
def test_the_estimate_has_no_bias(seed: int) -> None:
    """Over every pair of paths that can be drawn, weighed with its probability: the exact expectation and gradient."""
    logits = some_logits(seed)
    every = by_tokens(logits.log_softmax(-1))
    exact = sum((p * errors_of(t) for t, p in every.items()), torch.zeros(()))
    scores = {tokens: gradient(p.log(), logits) for tokens, p in every.items()}
    mean, moved = 0.0, torch.zeros_like(logits)
    for pair in itertools.product(every, repeat=2):
        chance = math.prod(every[tokens].item() for tokens in pair)
        drawn = Counter(pair)
        counts = torch.tensor(list(drawn.values()), dtype=torch.float64)
        errors = torch.tensor([errors_of(tokens) for tokens in drawn], dtype=torch.float64)
        expected, weights = drawn_weights(torch.zeros(len(drawn)), errors, counts)
        mean += chance * expected.item()
        for tokens, weight in zip(drawn, weights.tolist(), strict=True):
            moved += chance * weight * scores[tokens]
    assert mean == pytest.approx(exact.item())
    torch.testing.assert_close(moved, gradient(exact, logits), rtol=1e-9, atol=1e-12)


def test_the_baseline_leaves_each_draw_out() -> None:
    """Three draws with 0, 0 and 3 errors, the first two alike: (2 (0 - 3/2) and (3 - 0)) / 3."""
    mean, weights = drawn_weights(torch.zeros(2), torch.tensor([0.0, 3.0]).double(), torch.tensor([2.0, 1.0]))
    assert mean.item() == 1.0
    assert weights.tolist() == pytest.approx([-1.0, 1.0])


def test_all_paths_of_a_reading_vary_less_than_the_one_that_was_drawn() -> None:
    """Why the likelihood is that of the reading: the same mean, and no larger variance in any place."""
    logits = some_logits(7)
    matrix = logits.log_softmax(-1)
    of_reading = {tokens: gradient(p.log(), logits) for tokens, p in by_tokens(matrix).items()}
    first, second = [torch.zeros_like(logits) for _ in "ab"], [torch.zeros_like(logits) for _ in "ab"]
    for path in PATHS:
        steps = torch.nn.functional.one_hot(torch.tensor([path]), SIZE).double()
        log_prob = (matrix * steps).sum()
        of_path = gradient(log_prob, logits)
        chance, errors = log_prob.exp().item(), errors_of(tokens_of(path))
        for place, score in enumerate((of_reading[tokens_of(path)], of_path)):
            first[place] += chance * errors * score
            second[place] += chance * (errors * score) ** 2
    torch.testing.assert_close(first[0], first[1])
    assert (second[0] <= second[1] + 1e-12).all()
    assert second[0].sum() < 0.9 * second[1].sum()


def test_draws_follow_the_probabilities() -> None:
    """20,000 draws: each reading as often as CTC believes in it, within five standard deviations."""
    matrix, count = some_logits(2).detach().log_softmax(-1), 20_000
    drawn = Counter(drawn_readings(matrix[0].numpy(), count, np.random.default_rng(1)))
    for tokens, probability in by_tokens(matrix).items():
        p = probability.item()
        assert abs(drawn[tokens] - count * p) < 5 * math.sqrt(count * p * (1 - p)) + 1, tokens


def test_what_cannot_be_is_never_drawn() -> None:
    matrix = np.log(np.array([[0.0, 0.5, 0.0, 0.5], [1.0, 0.0, 0.0, 0.0]]) + 1e-300)
    assert set(drawn_readings(matrix, 500, np.random.default_rng(1))) == {(1,), (3,)}


def test_many_draws_find_the_gradient() -> None:
    """The whole way, from log-probs through draws: 20,000 of them come near the exact gradient."""
    logits = some_logits(4)
    matrix = logits.log_softmax(-1)
    mine = found(matrix, recipe.Risk(kind="sampled", hypotheses=20_000))
    exact = sum((p * errors_of(t) for t, p in by_tokens(matrix).items()), torch.zeros(()))
    assert mine.each.item() == pytest.approx(exact.item(), abs=0.03)
    torch.testing.assert_close(gradient(mine.goal, logits), gradient(exact, logits), rtol=0, atol=0.03)


@pytest.mark.parametrize("kind", ["n-best", "sampled"])
def test_fewer_errors_are_learned(kind: str) -> None:
    """Following the gradient and nothing else: what is expected over all paths falls, from whatever it was."""
    logits = some_logits(6)
    optimiser = torch.optim.SGD([logits], lr=1.0)

    def expected() -> float:
        return sum(p.item() * errors_of(t, "token") for t, p in by_tokens(logits.log_softmax(-1)).items())

    settings = recipe.Risk(kind=kind, hypotheses=8, unit="token")  # type: ignore[arg-type]
    before = expected()
    for step in range(40):
        mine = found(logits.log_softmax(-1), settings, epoch=step)
        if mine.goal.requires_grad:
            logits.grad = gradient(mine.goal, logits)
            optimiser.step()
    assert expected() < 0.5 * before
