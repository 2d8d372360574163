"""The attention decoder: its formula in loops, padding, gradients, and what it makes of whole readings."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from asr.decoding.encoded import Encoded
from asr.model import attention_decoder, attention_scoring
from asr.model.acoustic import new_model
from asr.model.attention_decoder import AttentionDecoder, tokens_over
from asr.model.attention_scoring import AttentionScorer
from asr.randomness import Draws, numpy_generator
from asr.recipe import AttentionDecoder as Settings
from asr.recipe import FrontEnd, Model

TOKENS, INPUTS, WIDTH = 5, 3, 4
Vector = npt.NDArray[np.float64]


def decoder_of(
    layers: int = 2, heads: int = 2, tokens: int = TOKENS, dropout: float = 0.0
) -> AttentionDecoder:
    with torch.random.fork_rng():
        torch.manual_seed(7)
        made = AttentionDecoder(
            INPUTS, tokens, Settings(layers=layers, hidden=WIDTH, heads=heads, dropout=dropout)
        )
        for parameter in made.parameters():  # biases and gains, too, are no noughts and ones
            torch.nn.init.normal_(parameter, std=0.7)
    return made.double().eval().requires_grad_(False)


def frames_of(count: int, name: str = "") -> Tensor:
    return torch.from_numpy(numpy_generator(1, "frames", name).standard_normal((count, INPUTS)))


def heard_of(count: int, name: str = "", tokens: int = TOKENS) -> Encoded:
    log_probs = np.log(numpy_generator(1, "log-probs", name).dirichlet(np.ones(tokens), size=count))
    return Encoded.of(log_probs.astype(np.float32), frames_of(count, name).float().numpy())


def parts_of(heard: Encoded) -> tuple[Tensor, Tensor, Tensor]:
    """Frames, their number and the tokens that are over, of one row."""
    frames, log_probs = (
        torch.from_numpy(np.asarray(part, np.float64))[None] for part in (heard.frames, heard)
    )
    return frames, torch.tensor([len(heard)]), tokens_over(log_probs)


def over_by_loops(heard: Encoded) -> list[float]:
    probabilities = np.exp(np.asarray(heard, np.float64))
    found, total = [], 0.0
    for frame, row in enumerate(probabilities):
        for token in range(1, len(row)):
            total += row[token] * (1 - (probabilities[frame - 1][token] if frame else 0.0))
        found.append(total)
    return found


def sigmoid(value: Vector) -> Vector:
    return 1 / (1 + np.exp(-value))


def normed(values: Vector, weights: dict[str, Vector], name: str) -> Vector:
    centred = values - values.mean()
    return centred / np.sqrt((centred**2).mean() + 1e-5) * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def linear(value: Vector, weights: dict[str, Vector], name: str) -> Vector:
    return weights[f"{name}.weight"] @ value + weights[f"{name}.bias"]


def looked(
    values: Vector, frames: Vector, away: Sequence[float], weights: dict[str, Vector], name: str, heads: int
) -> Vector:
    """One query at a time, one head at a time."""
    query, size, parts = linear(values, weights, f"{name}.query"), WIDTH // heads, []
    for head in range(heads):
        own = slice(head * size, (head + 1) * size)
        offset, sharpness = weights[f"{name}.offset"][head], weights[f"{name}.sharpness"][head]
        likeness = [
            query[own] @ linear(frame, weights, f"{name}.key")[own] / math.sqrt(size)
            - (sharpness * (one - offset)) ** 2
            for frame, one in zip(frames, away, strict=True)
        ]
        shares = np.exp(likeness) / np.exp(likeness).sum()
        found = [linear(frame, weights, f"{name}.value")[own] for frame in frames]
        parts.append(sum(share * value for share, value in zip(shares, found, strict=True)))
    return linear(np.concatenate(parts), weights, f"{name}.output")


def by_loops(decoder: AttentionDecoder, heard: Encoded, tokens: Sequence[int]) -> float:
    """log P(tokens and their end), a token after the other."""
    weights = {name: value.detach().numpy() for name, value in decoder.named_parameters()}
    layers, heads = decoder.settings.layers, decoder.settings.heads
    states = [(np.zeros(WIDTH), np.zeros(WIDTH)) for _ in range(layers)]
    total, last, over = 0.0, 0, over_by_loops(heard)
    assert heard.frames is not None
    frames = heard.frames.astype(np.float64)
    for written, token in enumerate((*tokens, 0)):
        values = weights["embedding.weight"][:, last]
        for layer in range(layers):
            name, (output, cell) = f"recurrent.{layer}", states[layer]
            gates = weights[f"{name}.weight_ih_l0"] @ values + weights[f"{name}.bias_ih_l0"]
            gates = gates + weights[f"{name}.weight_hh_l0"] @ output + weights[f"{name}.bias_hh_l0"]
            into, forget, new, out = np.split(gates, 4)
            cell = sigmoid(forget) * cell + sigmoid(into) * np.tanh(new)
            output = sigmoid(out) * np.tanh(cell)
            states[layer] = output, cell
            values = normed(values + output, weights, f"norms.{2 * layer}")
            seen = looked(
                values, frames, [count - written for count in over], weights, f"attention.{layer}", heads
            )
            values = normed(values + seen, weights, f"norms.{2 * layer + 1}")
        logits = linear(values, weights, "output")
        total += float(logits[token] - np.log(np.exp(logits).sum()))
        last = token
    return total


@pytest.mark.parametrize(("layers", "heads"), [(1, 1), (1, 4), (2, 2)])
def test_scores_are_those_of_explicit_loops(layers: int, heads: int) -> None:
    decoder, heard = decoder_of(layers, heads), heard_of(6)
    readings: list[tuple[int, ...]] = [(1, 2, 3), (), (4,), (4, 4, 1, 2, 3, 3)]
    expected = [by_loops(decoder, heard, reading) for reading in readings]
    assert AttentionScorer(decoder)(heard, readings) == pytest.approx(expected, abs=1e-10)


def test_tokens_that_are_over_by_hand() -> None:
    """A spike of two frames is one token, one after a blank another; a token of half a chance is half a one."""
    rows = [[1, 0, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [0.5, 0.5, 0]]
    log_probs = torch.tensor(rows).log()[None]
    assert tokens_over(log_probs)[0].tolist() == [0, 1, 1, 1, 2, 3, 3.5]


def test_all_texts_together_are_certain() -> None:
    """With one token besides the border, the texts are a, aa, aaa, ...: what they leave is that none has ended yet."""
    decoder, heard = decoder_of(tokens=2), heard_of(4, tokens=2)
    ended = np.exp(AttentionScorer(decoder)(heard, [(1,) * count for count in range(6)]))
    log_probs = decoder(*parts_of(heard), torch.tensor([[0, 1, 1, 1, 1, 1]]))
    going_on = math.exp(float(log_probs[0, :, 1].sum()))
    assert ended.sum() + going_on == pytest.approx(1, abs=1e-9)


def test_padding_changes_nothing() -> None:
    decoder = decoder_of()
    lengths, texts = [7, 3, 5], [[1, 2], [4, 3, 3, 2, 1], []]
    frames, over = (torch.full(shape, 123.0, dtype=torch.float64) for shape in ((3, 9, INPUTS), (3, 9)))
    targets = torch.zeros(3, 8, dtype=torch.int64)
    alone = []
    for row, (length, text) in enumerate(zip(lengths, texts, strict=True)):
        parts = parts_of(heard_of(length, str(row)))
        frames[row, :length], over[row, :length] = parts[0][0], parts[2][0]
        targets[row, : len(text)] = torch.tensor(text)
        said = torch.tensor([text], dtype=torch.int64), torch.tensor([len(text)])
        alone.append(float(decoder.loss(*parts, *said, smoothing=0.1)))
    counts = torch.tensor(lengths), over, targets, torch.tensor([2, 5, 0])
    assert decoder.loss(frames, *counts, smoothing=0.1).tolist() == pytest.approx(alone, abs=1e-10)


def test_label_smoothing_by_hand() -> None:
    """Of the text (1) two places count: 0.9 of what the goal has, and 0.1 of the mean of all tokens."""
    decoder, parts = decoder_of(), parts_of(heard_of(4))
    log_probs = decoder(*parts, torch.tensor([[0, 1]]))[0].tolist()
    goals = log_probs[0][1] + log_probs[1][0]
    means = sum(log_probs[0]) / TOKENS + sum(log_probs[1]) / TOKENS
    found = decoder.loss(*parts, torch.tensor([[1]]), torch.tensor([1]), smoothing=0.1)
    assert float(found) == pytest.approx(-(0.9 * goals + 0.1 * means))


def test_gradients_are_those_of_finite_differences() -> None:
    decoder, frames = decoder_of(), frames_of(10).view(2, 5, INPUTS)
    names = [name for name, _ in decoder.named_parameters()]
    weights = [value.detach().requires_grad_() for value in decoder.parameters()]

    def loss(frames: Tensor, *weights: Tensor) -> Tensor:
        over = torch.tensor([[0.0, 1, 1, 2, 3], [0, 0.5, 1, 0, 0]], dtype=torch.float64)
        targets = torch.tensor([[1, 4, 2], [3, 0, 0]])
        inputs = (frames, torch.tensor([5, 3]), over, targets, torch.tensor([3, 1]))
        return torch.func.functional_call(
            _Loss(decoder),
            {f"decoder.{name}": value for name, value in zip(names, weights, strict=True)},
            inputs,
        )

    assert torch.autograd.gradcheck(loss, (frames.requires_grad_(), *weights), fast_mode=True)


class _Loss(torch.nn.Module):
    def __init__(self, decoder: AttentionDecoder) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.decoder.loss(*inputs, smoothing=0.1)


def test_what_else_is_scored_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    scorer, heard = AttentionScorer(decoder_of()), heard_of(11)
    readings = [tuple(range(1, 1 + count % 5)) * (count % 3 + 1) for count in range(12)]
    together = scorer(heard, readings)
    assert [scorer(heard, [one])[0] for one in readings] == pytest.approx(together, abs=1e-11)
    for module in (attention_scoring, attention_decoder):
        monkeypatch.setattr(module, "PLACES", 300)  # some at a time, and of each some places
    assert scorer(heard, readings) == pytest.approx(together, abs=1e-11)


def test_of_no_frames_nothing_is_said() -> None:
    scorer = AttentionScorer(decoder_of())
    assert scorer(heard_of(3)[:0], [(1,), ()]) == [0.0, 0.0]
    assert scorer(heard_of(2), []) == []


def test_dropout_is_keyed() -> None:
    decoder = decoder_of(dropout=0.5)
    inputs = (*parts_of(heard_of(4)), torch.tensor([[1, 2]]), torch.tensor([2]))
    once, again, other = (float(decoder.loss(*inputs, Draws(1, 0, step, 0, ("u",)))) for step in (3, 3, 4))
    assert once == again != other
    assert float(decoder.loss(*inputs)) not in (once, other)  # without draws nothing is left out


def test_all_other_weights_start_as_without_it() -> None:
    shape: dict[str, Any] = {"projection": 4, "layers": 1, "hidden": 3}
    front_end = FrontEnd(sample_rate=8000, mels=8)
    plain = new_model(front_end, Model(**shape), 6, 1)
    hybrid = new_model(
        front_end, Model(**shape, attention_decoder=Settings(layers=1, hidden=4, heads=2)), 6, 1
    )
    weights = dict(hybrid.named_parameters())
    assert all(torch.equal(value, weights[name]) for name, value in plain.named_parameters())
    assert {name.partition(".")[0] for name in weights.keys() - dict(plain.named_parameters()).keys()} == {
        "attention_decoder"
    }
