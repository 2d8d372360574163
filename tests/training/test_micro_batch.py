"""What a micro-batch has to learn from: CTC, the middle layer, and two maskings that ought to be read alike."""

from pathlib import Path
from typing import Any

import miniature
import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from asr.batching import Batch
from asr.manifest import Utterance
from asr.model.acoustic import AcousticModel, new_model
from asr.model.loss import frames_needed
from asr.randomness import Draws
from asr.recipe import Recipe, samples_an_output
from asr.tokenizer import build_tokenizer
from asr.training.examples import Example
from asr.training.micro_batch import gradients, load, losses_of, views_of
from asr.training.selection import select

TEXTS = [miniature.words_of(f"views-{number}") for number in range(3)]
TOKENS = 20
NOTHING_HIDDEN: dict[str, Any] = {
    "spec_augment": {"frequency_masks": 0, "time_masks": 0},
    "model__dropout": 0.0,
}


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> tuple[AcousticModel, Batch]:
    """A model that has learned nothing yet, and three utterances."""
    recipe = miniature.recipe()
    tokenizer = build_tokenizer(recipe.tokenizer, [text.lower() for text in TEXTS])
    model = new_model(recipe.front_end, recipe.model, tokenizer.size, seed=1).train()
    utterances = miniature.write_utterances(Path(tmp_path_factory.mktemp("audio")), TEXTS)
    examples, left_out = select(utterances, tokenizer, model, recipe)
    assert not left_out
    return model, load(examples, (0, 1, 2), recipe, 0)


def found(heard: tuple[AcousticModel, Batch], recipe: Recipe) -> tuple[Tensor, tuple[Tensor, ...]]:
    model, batch = heard
    model.settings = recipe.model
    losses, parts = gradients(model, batch, Draws(1, 0, 0, 0, batch.ids), recipe, TOKENS)
    return losses.each.detach(), parts


def test_two_views_without_anything_hidden_are_one(heard: tuple[AcousticModel, Batch]) -> None:
    """They agree, so that only the mean of two equal losses is left."""
    once = found(heard, miniature.recipe(**NOTHING_HIDDEN))
    twice = found(heard, miniature.recipe(train__consistency=5.0, **NOTHING_HIDDEN))
    torch.testing.assert_close(twice[0], once[0])
    for one, other in zip(once[1], twice[1], strict=True):
        torch.testing.assert_close(other, one, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("middle", [0.0, 0.3])
def test_two_views_by_hand(heard: tuple[AcousticModel, Batch], middle: float) -> None:
    """Their losses are those of both maskings heard alone; the total has their disagreement with its weight."""
    model, batch = heard
    recipe = miniature.recipe(
        train__consistency=0.4,
        model__dropout=0.0,
        model__intermediate_loss=middle,
        spec_augment__time_seconds=0.3,
    )
    model.settings = recipe.model
    draws = Draws(1, 0, 0, 0, batch.ids)
    samples = batch.waveform_lengths.tolist()
    masks = model.draw_masks(samples, recipe.spec_augment, draws, views_of(recipe))
    both = losses_of(model, batch, masks, samples, draws)
    alone = []
    for view in (0, 1):
        rows = slice(3 * view, 3 * view + 3)
        part = type(masks)(masks.bands[rows], masks.frames[rows])
        alone.append(losses_of(model, batch, part, samples, draws))
    torch.testing.assert_close(both.each, (alone[0].each + alone[1].each) / 2)
    assert both.disagreement is not None
    assert (both.disagreement > 0).all()
    total = (1 - middle) * both.each.sum() + 0.4 * both.disagreement.sum()
    if middle:
        assert both.middle is not None
        assert alone[0].middle is not None
        assert alone[1].middle is not None
        torch.testing.assert_close(both.middle, (alone[0].middle + alone[1].middle) / 2)
        total = total + middle * both.middle.sum()
    torch.testing.assert_close(both.total(recipe), total)


def test_edges_leave_as_many_outputs_as_the_tokens_need(tmp_path: Path) -> None:
    """A long text in little sound, most of which is quiet: however the edges move, its loss is finite."""
    recipe = miniature.recipe(augment={"speed": [1.0], "edges": 2.0})
    text = TEXTS[0]
    tokenizer = build_tokenizer(recipe.tokenizer, [text.lower()])
    model = new_model(recipe.front_end, recipe.model, tokenizer.size, seed=1).train()
    needed = frames_needed(tokenizer.encode(text.lower()))
    rate = recipe.front_end.sample_rate
    samples = np.zeros((needed + 2) * samples_an_output(recipe.front_end, recipe.model), np.float32)
    middle = len(samples) // 2
    samples[middle : middle + rate // 50] = 0.5
    path = tmp_path / "quiet.wav"
    soundfile.write(path, samples, rate, subtype="PCM_16")
    seconds = len(samples) / rate
    utterance = Utterance(id="quiet", audio_filepath=str(path), duration=seconds, text=text, speaker="a")
    examples, left_out = select([utterance], tokenizer, model, recipe)
    assert not left_out
    lengths = set()
    for epoch in range(40):
        batch = load(examples, (0,), recipe, epoch)
        lengths.add(int(batch.waveform_lengths[0]))
        assert model.output_length(int(batch.waveform_lengths[0])) >= needed
    assert len(lengths) > 10  # they did move


def test_joined_utterances_are_heard_and_read_one_after_the_other(tmp_path: Path) -> None:
    recipe = miniature.recipe(augment={"speed": [1.0], "joined": 1.0, "joined_utterances": 2})
    tokenizer = build_tokenizer(recipe.tokenizer, [text.lower() for text in TEXTS])
    model = new_model(recipe.front_end, recipe.model, tokenizer.size, seed=1).train()
    utterances = miniature.write_utterances(tmp_path, TEXTS)
    examples, left_out = select(utterances, tokenizer, model, recipe)
    assert not left_out
    plain = recipe.model_copy(update={"augment": recipe.augment.model_copy(update={"joined": 0.0})})
    alone = load(examples, (0, 1, 2), plain, 0)
    sounds = {each: alone.waveforms[row, : alone.waveform_lengths[row]] for row, each in enumerate(alone.ids)}
    texts = {each.id: each.text.lower() for each in utterances}

    batch = load(examples, (0, 1, 2), recipe, 0)

    assert len(batch.ids) == 2
    assert sorted(each for name in batch.ids for each in name.split(" + ")) == sorted(sounds)
    for row, name in enumerate(batch.ids):
        members = name.split(" + ")
        heard = batch.waveforms[row, : batch.waveform_lengths[row]]
        assert torch.equal(heard, torch.cat([sounds[each] for each in members]))
        assert not batch.waveforms[row, batch.waveform_lengths[row] :].any()
        target = batch.targets[row, : batch.target_lengths[row]].tolist()
        assert tokenizer.decode(target) == " ".join(texts[each] for each in members)
    losses, parts = gradients(model, batch, Draws(1, 0, 0, 0, batch.ids), recipe, TOKENS)
    assert losses.each.shape == (2,)
    assert all(part.isfinite().all() for part in parts)


def test_utterances_that_are_too_tight_stay_by_themselves(tmp_path: Path) -> None:
    """Each has an output for each of its tokens; joined there would be none for the space between them."""
    text = TEXTS[0]
    recipe = miniature.recipe(augment={"speed": [1.0], "joined": 1.0})
    tokenizer = build_tokenizer(recipe.tokenizer, [text.lower()])
    model = new_model(recipe.front_end, recipe.model, tokenizer.size, seed=1).train()
    needed = frames_needed(tokenizer.encode(text.lower()))

    def spoken(outputs: int) -> list[Utterance]:
        rate, found = recipe.front_end.sample_rate, []
        samples = (outputs - 1) * samples_an_output(recipe.front_end, recipe.model) + 1
        for name in ("first", "second"):
            path = tmp_path / f"{name}-{outputs}.wav"
            soundfile.write(path, np.full(samples, 0.1, np.float32), rate, subtype="PCM_16")
            found.append(
                Utterance(
                    id=name,
                    audio_filepath=str(path),
                    duration=samples / rate,
                    text=text,
                    speaker="a",
                )
            )
        return found

    tight, left_out = select(spoken(needed), tokenizer, model, recipe)
    assert not left_out
    batch = load(tight, (0, 1), recipe, 0)
    assert batch.ids == ("first", "second")
    losses, _ = gradients(model, batch, Draws(1, 0, 0, 0, batch.ids), recipe, TOKENS)
    assert losses.each.isfinite().all()
    assert len(load(select(spoken(needed + 2), tokenizer, model, recipe)[0], (0, 1), recipe, 0).ids) == 1


def test_a_plain_list_of_examples_cannot_be_joined(tmp_path: Path) -> None:
    recipe = miniature.recipe(augment={"joined": 1.0})
    examples = [Example(each, (1,)) for each in miniature.write_utterances(tmp_path, TEXTS)]
    with pytest.raises(ValueError, match="give Examples"):
        load(examples, (0, 1, 2), recipe, 0)
