"""Learning from errors in micro-batches: padding, views, keys, units, and what cannot be learned from."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from small_risk import LETTERS, REFERENCE, SIZE, batch_of, found, gradient, some_logits
from torch import Tensor

from asr import recipe
from asr.errors import RecipeError
from asr.model.acoustic import Posteriors
from asr.randomness import Draws
from asr.scoring import count_errors
from asr.tokenizer.phones import PhoneTokenizer
from asr.training.risk import Risk, distance, refuse_device


@pytest.mark.parametrize("kind", ["n-best", "sampled"])
def test_the_batch_changes_nothing(kind: str) -> None:
    """Alone or beside others, padded or not: the same errors and the same gradient."""
    settings = recipe.Risk(kind=kind, hypotheses=8, unit="token")  # type: ignore[arg-type]
    learned = Risk(settings, LETTERS)
    parts = [some_logits(seed, frames) for seed, frames in ((1, 5), (2, 9), (3, 7))]
    references = [REFERENCE, (2, 1, 3, 1, 2), (3,)]
    padded = [torch.nn.functional.pad(part.detach(), (0, 0, 0, 11 - part.shape[1])) for part in parts]
    together = torch.cat(padded).requires_grad_()
    lengths = torch.tensor([part.shape[1] for part in parts])
    batch = batch_of(*references)
    beside = learned(Posteriors(together.log_softmax(-1), lengths), batch, Draws(1, 4, 2, 1, batch.ids))
    moved = gradient(beside.goal, together)
    assert beside.units == 3 + 5 + 1
    for row, (part, reference) in enumerate(zip(parts, references, strict=True)):
        frames = part.shape[1]
        heard = Posteriors(part.log_softmax(-1), torch.tensor([frames]))
        alone = learned(heard, batch_of(reference), Draws(1, 4, 9, 0, (batch.ids[row],)))
        assert alone.each.tolist() == pytest.approx([beside.each[row].item()], rel=1e-12)
        torch.testing.assert_close(moved[row : row + 1, :frames], gradient(alone.goal, part))
        assert not moved[row, frames:].any()
    assert moved.any()


def test_draws_are_keyed() -> None:
    """By seed, epoch and utterance: not by the step, and each view has its own."""
    matrix = some_logits(1, 9).detach().log_softmax(-1)
    heard = Posteriors(torch.cat([matrix, matrix]), torch.tensor([9, 9]))
    settings, batch = recipe.Risk(kind="sampled", hypotheses=500), batch_of(REFERENCE)

    def each(draws: Draws, posteriors: Posteriors = heard) -> float:
        return Risk(settings, LETTERS)(posteriors, batch, draws).each.item()

    one = Posteriors(matrix, torch.tensor([9]))
    assert each(Draws(1, 0, 0, 0, ("u",)), one) == each(Draws(1, 0, 5, 3, ("u",)), one)
    others = (Draws(2, 0, 0, 0, ("u",)), Draws(1, 1, 0, 0, ("u",)), Draws(1, 0, 0, 0, ("v",)))
    assert len({each(draws, one) for draws in (*others, Draws(1, 0, 0, 0, ("u",)))}) == 4
    assert each(Draws(1, 0, 0, 0, ("u",))) != each(Draws(1, 0, 0, 0, ("u",)), one)  # the mean of two views


def test_a_model_that_hears_nothing() -> None:
    """The empty reading is a reading: every word is missing, and its likelihood has a gradient."""
    logits = torch.zeros(1, 5, SIZE, dtype=torch.float64)
    logits[:, :, 0] = 3.0
    logits[0, 2, 2] = 2.5
    logits.requires_grad_()
    matrix = logits.log_softmax(-1)
    mine = found(matrix, recipe.Risk(kind="n-best", hypotheses=2, beam=2), reference=(2,))
    blank = matrix[0, :, 0].exp().prod()  # nothing but blanks
    direct = blank / (blank + only(matrix, 2))
    assert mine.each.item() == pytest.approx(direct.item())
    torch.testing.assert_close(gradient(mine.goal, logits), gradient(direct, logits))


def only(matrix: Tensor, token: int) -> Tensor:
    """Probability of one token alone: blanks, then it, then blanks."""
    frames = matrix.shape[1]
    total = torch.zeros((), dtype=torch.float64)
    for start in range(frames):
        for end in range(start + 1, frames + 1):
            total = (
                total
                + (
                    matrix[0, :start, 0].sum() + matrix[0, start:end, token].sum() + matrix[0, end:, 0].sum()
                ).exp()
            )
    return total


def test_nothing_to_choose_moves_nothing() -> None:
    """A model that is sure, rightly or wrongly, has nothing to learn here."""
    logits = torch.zeros(1, 4, SIZE, dtype=torch.float64)
    logits[:, :, 2] = 60.0
    sure = found(logits.log_softmax(-1), recipe.Risk(kind="sampled"), reference=(3,))
    assert (sure.each.tolist(), sure.goal.item(), sure.goal.requires_grad) == ([1.0], 0.0, False)


def test_a_broken_model_is_told() -> None:
    matrix = torch.full((1, 4, SIZE), math.nan, dtype=torch.float64)
    assert math.isnan(found(matrix, recipe.Risk(kind="n-best")).each.item())


@given(st.lists(st.sampled_from("abcd"), max_size=6), st.lists(st.sampled_from("abcd"), max_size=6))
def test_distance_is_that_of_the_score(reference: list[str], hypothesis: list[str]) -> None:
    if reference:
        counts = count_errors(" ".join(reference), " ".join(hypothesis))
        assert distance(reference, hypothesis) == counts.errors
    else:
        assert distance(reference, hypothesis) == len(hypothesis)


def test_other_devices_are_refused() -> None:
    with pytest.raises(RecipeError, match=r'risk.kind = "sampled".* on meta .*--device cpu'):
        refuse_device(recipe.Risk(kind="sampled"), torch.device("meta"))
    refuse_device(recipe.Risk(), torch.device("meta"))


def test_words_of_phones_are_what_the_tokenizer_reads() -> None:
    """Both ways to say "the" are the word, so only their phones differ."""
    said = {"the": ["DH AH", "DH IY"], "tea": ["T IY"]}
    phones = PhoneTokenizer(
        ["AH", "DH", "IY", "T"], said, {"the": 2, "tea": 1}, {}, boundaries=True, source="ours"
    )
    one, other = (tuple(tokens) for tokens in phones.spellings("the"))
    errors = {}
    for unit in ("word", "token"):
        risk = Risk(recipe.Risk(kind="n-best", unit=unit), phones)  # type: ignore[arg-type]
        errors[unit] = distance(risk.units(one), risk.units(other))
    assert errors == {"word": 0, "token": 1}
