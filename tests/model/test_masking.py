"""SpecAugment and dropout: how much they hide, and that each draw is keyed."""

import math

import pytest
import torch
from torch import Tensor

from asr.model.masking import Masks, draw_masks, dropout, hide
from asr.randomness import Draws
from asr.recipe import SpecAugment

BANDS, PER_SECOND = 40, 100.0
ONLY_BANDS = SpecAugment(time_masks=0)
ONLY_TIME = SpecAugment(frequency_masks=0)
NONE = SpecAugment(frequency_masks=0, time_masks=0)


def draws(*ids: str, epoch: int = 0, step: int = 0, micro_batch: int = 0) -> Draws:
    return Draws(seed=1, epoch=epoch, step=step, micro_batch=micro_batch, ids=ids)


def masked(settings: SpecAugment, lengths: list[int], drawn: Draws) -> Tensor:
    """(B, frames, bands): where the features were changed."""
    features = torch.rand(len(lengths), max(lengths), BANDS) + 1  # never the mean by chance
    for row, length in enumerate(lengths):
        features[row, length:] = 0
    masks = draw_masks(lengths, BANDS, settings, drawn, PER_SECOND)
    return hide(features, torch.tensor(lengths), masks) != features


def runs(flags: Tensor) -> list[int]:
    """Widths of the stretches of true."""
    text = "".join("x" if flag else " " for flag in flags.tolist())
    return [len(run) for run in text.split()]


def test_bands_are_hidden_for_the_whole_utterance() -> None:
    widths = []
    for epoch in range(100):
        hidden = masked(ONLY_BANDS, [50], draws("a", epoch=epoch))[0]
        assert torch.equal(hidden.all(0), hidden.any(0))
        widths.append(int(hidden.any(0).sum()))
        assert len(runs(hidden.any(0))) <= 2
    assert max(widths) <= 2 * 10  # two masks of a quarter of 40 bands
    assert max(widths) > 14
    assert min(widths) < 4


def test_stretches_of_time_are_hidden_in_every_band() -> None:
    widths = []
    for epoch in range(100):
        hidden = masked(ONLY_TIME, [200], draws("a", epoch=epoch))[0]
        assert torch.equal(hidden.all(1), hidden.any(1))
        widths.append(int(hidden.any(1).sum()))
        assert len(runs(hidden.any(1))) <= 2
    assert max(widths) <= 2 * 30  # two masks of 15 % of 200 frames
    assert max(widths) > 40


def test_no_stretch_is_longer_than_the_seconds_allowed() -> None:
    settings = SpecAugment(frequency_masks=0, time_masks=1, time_share=1.0, time_seconds=0.2)
    widths = [int(masked(settings, [500], draws("a", epoch=e))[0].any(1).sum()) for e in range(100)]
    assert max(widths) == 20  # 0.2 s of 100 frames a second
    assert min(widths) == 0


def test_every_place_can_be_hidden() -> None:
    settings = SpecAugment(frequency_share=0.1, time_share=0.2)
    seen = torch.stack([masked(settings, [30], draws("a", epoch=epoch))[0] for epoch in range(300)]).any(0)
    assert seen.all()


@pytest.mark.parametrize("length", [1, 2, 3])
def test_very_short_utterances(length: int) -> None:
    masked(SpecAugment(time_share=1.0, frequency_share=1.0), [length, 9], draws("a", "b"))


def test_hidden_parts_are_at_the_mean_of_the_utterance() -> None:
    features = torch.rand(2, 30, BANDS)
    features[0, 20:] = 0
    masks = draw_masks([20, 30], BANDS, SpecAugment(), draws("a", "b"), PER_SECOND)
    found = hide(features, torch.tensor([20, 30]), masks)
    for row, length in enumerate((20, 30)):
        changed = found[row] != features[row]
        assert changed.any()
        mean = features[row, :length].mean()
        torch.testing.assert_close(found[row][changed], mean.expand(int(changed.sum())))
        assert not changed[length:].any()  # padding stays zero


def test_masks_belong_to_the_utterance_not_to_the_batch() -> None:
    alone = masked(SpecAugment(), [25], draws("b"))
    together = masked(SpecAugment(), [40, 25], draws("a", "b", step=7, micro_batch=1))
    assert alone.any()
    assert torch.equal(together[1, :25], alone[0])
    assert not torch.equal(masked(SpecAugment(), [25], draws("c")), alone)
    assert not torch.equal(masked(SpecAugment(), [25], draws("b", epoch=1)), alone)


def test_each_view_hides_other_parts() -> None:
    """The first one is what is drawn where there is one alone; a second one does not depend on the batch either."""
    lengths, drawn = [40, 25], draws("a", "b")
    first, second = (draw_masks(lengths, BANDS, SpecAugment(), drawn, PER_SECOND, view) for view in (0, 1))
    alone = draw_masks([25], BANDS, SpecAugment(), draws("b", step=3), PER_SECOND, 1)
    assert torch.equal(first.frames, draw_masks(lengths, BANDS, SpecAugment(), drawn, PER_SECOND).frames)
    assert not torch.equal(first.frames, second.frames)
    assert not torch.equal(first.bands, second.bands)
    assert torch.equal(alone.frames[0], second.frames[1])
    both = Masks.joined([first, second])
    assert torch.equal(both.frames, torch.cat([first.frames, second.frames]))
    assert torch.equal(both.bands, torch.cat([first.bands, second.bands]))


def test_switched_off() -> None:
    assert not masked(NONE, [25, 9], draws("a", "b")).any()


def test_dropout_hides_its_share_and_scales_the_rest() -> None:
    values = torch.ones(20, 50, 40)
    found = dropout(values, 0.2, draws("a"), "output")
    assert {round(value, 6) for value in found.unique().tolist()} == {0.0, 1.25}
    assert (found == 0).float().mean().item() == pytest.approx(0.2, abs=5 * math.sqrt(0.16 / 40_000))
    assert torch.equal(values, torch.ones(20, 50, 40))  # not in place


def test_dropout_is_keyed_by_its_place() -> None:
    values = torch.ones(2, 9, 40)
    first = dropout(values, 0.5, draws("a"), "output")
    torch.rand(3)
    assert torch.equal(dropout(values, 0.5, draws("other", "ids"), "output"), first)
    others = [draws("a", epoch=1), draws("a", step=1), draws("a", micro_batch=1)]
    assert not any(torch.equal(dropout(values, 0.5, other, "output"), first) for other in others)
    assert not torch.equal(dropout(values, 0.5, draws("a"), "recurrent.0"), first)


def test_dropout_lets_gradients_through_where_values_went_through() -> None:
    values = torch.ones(3, 9, requires_grad=True)
    found = dropout(values, 0.5, draws("a"), "output")
    found.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, found.detach())


def test_no_dropout_outside_training_or_at_zero() -> None:
    values = torch.ones(3, 9)
    assert dropout(values, 0.5, None, "output") is values
    assert dropout(values, 0.0, draws("a"), "output") is values
