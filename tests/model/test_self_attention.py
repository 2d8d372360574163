"""Self-attention against the formula written out frame by frame, and what may not be heard."""

import math

import pytest
import torch
from torch import Tensor

from asr.model import self_attention
from asr.model.self_attention import FAR, NEAR, SelfAttention, steps_apart
from asr.randomness import Draws
from asr.recipe import SelfAttention as Settings

WIDTH, HEADS, SIZE = 6, 2, 3


def layer(reach: int = 0, past: bool = False, normalised: bool = True) -> SelfAttention:
    torch.manual_seed(1)
    settings = Settings(place="after", heads=HEADS, reach=reach)
    found = SelfAttention(WIDTH, settings, normalised=normalised, past=past).double()
    torch.nn.init.normal_(found.positions.weight)
    for bias in (found.inputs.bias, found.outputs.bias):
        torch.nn.init.normal_(bias)
    return found


def by_hand(attention: SelfAttention, values: Tensor, lengths: list[int]) -> Tensor:
    """All valid frames, one after the other: each query asks each key that it may, one number at a time."""
    found = []
    for row, length in enumerate(lengths):
        heard = attention.inputs(attention.norm(values[row, :length]))
        for query in range(length):
            heads = []
            for head in range(HEADS):

                def part(frame: int, which: int, head: int = head, heard: Tensor = heard) -> Tensor:
                    return heard[frame, which * WIDTH + head * SIZE :][:SIZE]

                near = [
                    key
                    for key in range(length)
                    if (not attention.reach or abs(key - query) <= attention.reach)
                    and not (attention.past and key > query)
                ]
                weights = [
                    (part(query, 0) @ part(key, 1) / math.sqrt(SIZE)
                     + attention.positions.weight[head, steps_apart(key - query)]).exp()
                    for key in near
                ]  # fmt: skip
                heads.append(
                    sum(weight * part(key, 2) for weight, key in zip(weights, near, strict=True))
                    / sum(weights)
                )
            found.append(values[row, query] + attention.outputs(torch.cat(heads)))
    return torch.stack(found)


@pytest.mark.parametrize("past", [False, True])
@pytest.mark.parametrize(
    ("reach", "block", "least"), [(0, 512, 32), (0, 4, 32), (3, 512, 4), (1, 512, 2), (9, 512, 4)]
)
def test_values_and_gradients_by_hand(
    reach: int, block: int, least: int, past: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole or in blocks of queries, of which the last is short; rows end in the middle of blocks."""
    monkeypatch.setattr(self_attention, "BLOCK", block)
    monkeypatch.setattr(self_attention, "LEAST_BLOCK", least)
    attention, lengths = layer(reach, past), [14, 1, 7, 11]
    values = torch.randn(4, 14, WIDTH, dtype=torch.float64, requires_grad=True)
    found = attention(values, torch.tensor(lengths))
    ours = torch.cat([found[row, :length] for row, length in enumerate(lengths)])
    expected = by_hand(attention, values, lengths)
    torch.testing.assert_close(ours, expected, atol=1e-12, rtol=0)
    assert not any(found[row, length:].any() for row, length in enumerate(lengths))
    weights = torch.randn_like(expected)
    every = [values, *attention.parameters()]
    for one, two in zip(
        torch.autograd.grad((ours * weights).sum(), every),
        torch.autograd.grad((expected * weights).sum(), every),
        strict=True,
    ):
        assert one.any()
        torch.testing.assert_close(one, two, atol=1e-11, rtol=0)


def test_far_away_by_hand() -> None:
    """Distances of every step, with a reach that is longer than a block at the least."""
    for reach in (0, 34):
        attention = layer(reach)
        values = torch.randn(1, 44, WIDTH, dtype=torch.float64)
        found = attention(values, torch.tensor([44]))[0]
        torch.testing.assert_close(found, by_hand(attention, values, [44]), atol=1e-12, rtol=0)


@pytest.mark.parametrize("reach", [0, 2])
@pytest.mark.parametrize("past", [False, True])
def test_what_is_heard_of_a_frame(reach: int, past: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frame 6 changes: those within the reach know it, on both sides or behind it."""
    monkeypatch.setattr(self_attention, "LEAST_BLOCK", 3)
    attention, length = layer(reach, past), torch.tensor([13])
    values = torch.randn(1, 13, WIDTH, dtype=torch.float64)
    changed = values.clone()
    changed[0, 6] += torch.tensor([1, 0, 0, -2, 0, 3])
    differs = (attention(values, length) != attention(changed, length)).any(2)[0]
    heard = [(not reach or abs(frame - 6) <= reach) and not (past and frame < 6) for frame in range(13)]
    assert differs.tolist() == heard


@pytest.mark.parametrize("reach", [0, 3])
def test_rows_that_lie_in_the_padding_are_numbers(reach: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block of them sees nobody; neither results nor gradients may become infinite or no number."""
    monkeypatch.setattr(self_attention, "LEAST_BLOCK", 4)
    attention = layer(reach)
    values = torch.randn(2, 40, WIDTH, dtype=torch.float64, requires_grad=True)
    found = attention(values, torch.tensor([40, 1]))
    gradient = torch.autograd.grad(found.square().sum(), values)[0]
    assert found.isfinite().all()
    assert gradient.isfinite().all()
    assert not gradient[1, 1:].any()
    alone = attention(values[1:, :1], torch.tensor([1]))[0]
    torch.testing.assert_close(found[1, :1], alone, atol=1e-12, rtol=0)


def test_steps_by_hand() -> None:
    """0 to 15 have one each; 16 to 20 are the first of sixteen steps up to 1024, each 64 ** (1 / 16) times as long."""
    assert [steps_apart(distance) for distance in (0, 1, 15, 16, 20, 21, 1023, 1024, 9999)] == [
        32, 33, 47, 48, 48, 49, 63, 64, 64
    ]  # fmt: skip
    assert [steps_apart(-distance) for distance in (1, 15, 16, 20, 21, 1023, 1024)] == [
        31,
        17,
        16,
        16,
        15,
        1,
        0,
    ]
    every = [steps_apart(distance) for distance in range(-FAR, FAR + 1)]
    assert every == sorted(every)
    assert set(every) == set(range(65))
    assert NEAR == 16


def test_distances_beyond_the_furthest_are_alike() -> None:
    positions = layer().positions
    found = positions(1020, 3, 9)  # distances 1018 to 1028
    far = positions.weight[:, -1]
    assert torch.equal(found[:, 0, 4:], far[:, None].expand(HEADS, 5))
    assert torch.equal(found[:, 0, 0], positions.weight[:, steps_apart(1020)])
    assert torch.equal(positions.by_distance()[:, FAR + 5], positions.weight[:, 37])
    assert torch.equal(positions(-3, 1, 7)[:, 0], positions.by_distance()[:, FAR - 3 : FAR + 4])


def test_memory_grows_with_the_length_where_there_is_a_reach() -> None:
    """The products of a whole hour would be a hundred gigabytes a head."""
    attention = layer(reach=8).float()
    with torch.inference_mode():
        values = torch.randn(1, 180_000, WIDTH)
        found = attention(values, torch.tensor([180_000]))
        near = attention(values[:, 90_000:90_064], torch.tensor([64]))
    torch.testing.assert_close(found[:, 90_010:90_050], near[:, 10:50], atol=1e-5, rtol=0)


def test_dropout_is_keyed() -> None:
    attention = layer()
    values, lengths = torch.randn(2, 5, WIDTH, dtype=torch.float64), torch.tensor([5, 3])

    def heard(step: int, name: str) -> Tensor:
        found: Tensor = attention(values, lengths, Draws(1, 0, step, 0, ("a", "b")), 0.5, name)
        return found

    assert torch.equal(heard(1, "x"), heard(1, "x"))
    assert not torch.equal(heard(1, "x"), heard(2, "x"))
    assert not torch.equal(heard(1, "x"), heard(1, "y"))
    kept = (heard(1, "x") == values)[0].sum()  # what was dropped leaves what came in
    assert 5 <= kept <= 25


def test_layer_normalisation_can_be_left_out() -> None:
    """With it, what is added to a frame does not depend on how loud all of them are."""
    values, length = torch.randn(1, 5, WIDTH, dtype=torch.float64), torch.tensor([5])
    for normalised in (True, False):
        attention = layer(normalised=normalised)
        assert any(name.startswith("norm.") for name, _ in attention.named_parameters()) == normalised
        once, louder = (attention(each, length) - each for each in (values, 3 * values))
        assert torch.allclose(once, louder, atol=1e-3) == normalised
