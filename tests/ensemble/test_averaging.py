"""Averages of log-probs: values by hand, tokens in another order, and what cannot be averaged."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_bundle import write_bundle

from asr.decoding.averaging import Mean, average
from asr.ensemble.averaging import Likeness
from asr.errors import EnsembleError
from asr.model.described import Described, read_described
from asr.recipe import Convolution
from asr.tokenizer import CharacterTokenizer, Tokenizer

MEANS: tuple[Mean, ...] = ("probabilities", "log-probs")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Described:
    return read_described(write_bundle(tmp_path_factory.mktemp("model")))


def with_tokens(model: Described, tokenizer: Tokenizer) -> Described:
    return replace(model, tokenizer=tokenizer)


def changed(described: Described, **changes: object) -> Described:
    return replace(described, description=described.description.model_copy(update=changes))


def test_by_hand() -> None:
    one, other = np.log([[0.9, 0.1]]), np.log([[0.1, 0.9]])
    third = np.log([[0.5, 0.5]])
    assert np.exp(average([one, other], "probabilities")) == pytest.approx(np.array([[0.5, 0.5]]))
    assert np.exp(average([one, third], "probabilities")) == pytest.approx(np.array([[0.7, 0.3]]))
    # sqrt(0.9 * 0.5) : sqrt(0.1 * 0.5) is 3 : 1
    assert np.exp(average([one, third], "log-probs")) == pytest.approx(np.array([[0.75, 0.25]]))


@pytest.mark.parametrize("mean", MEANS)
def test_of_one_model_twice_it_is_the_model(mean: Mean) -> None:
    matrix = np.log(np.random.default_rng(1).dirichlet(np.ones(5), size=7))
    assert average([matrix, matrix], mean) == pytest.approx(matrix, abs=1e-6)
    assert average([matrix[:0], matrix[:0]], mean).shape == (0, 5)


@given(st.integers(0, 1000), st.sampled_from(MEANS))
def test_the_order_of_the_models_has_no_say(seed: int, mean: Mean) -> None:
    """To the last bit; and the probabilities of a frame add up to 1."""
    generator = np.random.default_rng(seed)
    matrices = [np.log(generator.dirichlet(np.full(4, 0.2), size=3) + 1e-30) for _ in range(3)]
    found = average(matrices, mean)
    assert np.array_equal(found, average(matrices[::-1], mean))
    assert np.exp(found.astype(np.float64)).sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)


def test_a_probability_of_zero() -> None:
    """One that is impossible for a model is impossible in the mean of the logarithms, and half in the other."""
    one, other = np.array([[0.0, -math.inf]]), np.log([[0.5, 0.5]])
    assert np.exp(average([one, other], "probabilities")).tolist() == [
        [pytest.approx(0.75), pytest.approx(0.25)]
    ]
    assert np.exp(average([one, other], "log-probs")).tolist() == [[1.0, 0.0]]


def test_spikes_in_different_frames_are_lost_to_greedy_decoding() -> None:
    """What docs/ensembles.md warns of: both hear token 1, a frame apart, and the average hears nothing."""
    one = np.log([[0.1, 0.9], [0.95, 0.05]])
    assert [average([one, one[::-1]], mean).argmax(axis=1).tolist() for mean in MEANS] == [[0, 0]] * 2


def test_tokens_in_another_order(model: Described) -> None:
    ours, theirs = CharacterTokenizer(" abc"), CharacterTokenizer("cba ")
    likeness = Likeness.of(["a", "b"], [with_tokens(model, ours), with_tokens(model, theirs)])
    order = [0, *(theirs.encode(symbol)[0] for symbol in ours.alphabet)]
    assert likeness.columns[1].tolist() == order
    matrix = np.log(np.random.default_rng(1).dirichlet(np.ones(5), size=4)).astype(np.float32)
    scattered = np.empty_like(matrix)
    scattered[:, order] = matrix
    assert likeness.average([matrix, scattered], "log-probs") == pytest.approx(matrix, abs=1e-6)


def test_other_tokens_are_refused(model: Described) -> None:
    ours, theirs = (with_tokens(model, CharacterTokenizer(letters)) for letters in (" abc", " abd"))
    with pytest.raises(EnsembleError, match="b: has other tokens than a .*'c', 'd'.*put to the vote"):
        Likeness.of(["a", "b"], [ours, theirs])


def test_another_pace_is_refused(model: Described) -> None:
    description = model.description
    slower = with_convolutions(model, Convolution(channels=4, stride=(4, 2)))
    with pytest.raises(EnsembleError, match="b: gives a frame every 40 ms at 8,000 Hz, a every 10 ms.*vote"):
        Likeness.of(["a", "b"], [with_convolutions(model), slower])
    wide = changed(model, front_end=description.front_end.model_copy(update={"sample_rate": 16_000}))
    with pytest.raises(EnsembleError, match="at 16,000 Hz, a every .* at 8,000 Hz"):
        Likeness.of(["a", "b"], [model, wide])
    with pytest.raises(EnsembleError, match="two models or more, got 1"):
        Likeness.of(["a"], [model])


def test_frames_that_stand_for_other_moments_are_refused(model: Described) -> None:
    """A frame every 20 ms in both: of every second one, and of the larger of two, whose middle lies 5 ms later."""
    strided = with_convolutions(model, Convolution(channels=4, stride=(2, 1)))
    pooled = with_convolutions(model, Convolution(channels=4, pool=(2, 1)))
    for first, second, middles in ((strided, pooled, "5 and 0"), (pooled, strided, "0 and 5")):
        with pytest.raises(
            EnsembleError, match=f"b: .* 20 ms at 8,000 Hz.* 20 ms .*first stands for {middles} ms.*vote"
        ):
            Likeness.of(["a", "b"], [first, second])
    assert len(Likeness.of(["a", "b"], [pooled, pooled]).columns) == 2


def with_convolutions(model: Described, *convolutions: Convolution) -> Described:
    return changed(model, model=model.description.model.model_copy(update={"convolutions": convolutions}))


def test_shapes_that_differ() -> None:
    with pytest.raises(ValueError, match="of one shape"):
        average([np.zeros((2, 3)), np.zeros((3, 3))], "probabilities")
    with pytest.raises(ValueError, match="of one shape"):
        average([], "probabilities")
