"""What can be learned from, and what is left out: by name, with the reason, never silently."""

from pathlib import Path

import miniature
import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import resample
from asr.augment import change_speed
from asr.errors import TrainingError
from asr.manifest import Utterance
from asr.model.acoustic import AcousticModel, new_model
from asr.recipe import Recipe
from asr.tokenizer import Tokenizer, build_tokenizer
from asr.training.examples import Example
from asr.training.micro_batch import load
from asr.training.selection import LeftOut, select

RECIPE = miniature.recipe(augment__speed=[0.9, 1.0, 1.1])  # 10 ms hop, stride 2: an output each 20 ms


def utterance(name: str, seconds: float, text: str) -> Utterance:
    return Utterance(name, f"{name}.wav", seconds, text)


def choose(
    utterances: list[Utterance], recipe: Recipe = RECIPE
) -> tuple[list[Example], list[LeftOut], Tokenizer]:
    tokenizer = build_tokenizer(recipe.tokenizer, ["abcdefghij klm"])
    return *select(utterances, tokenizer, model_of(recipe, tokenizer), recipe), tokenizer


def model_of(recipe: Recipe, tokenizer: Tokenizer) -> AcousticModel:
    return new_model(recipe.front_end, recipe.model, tokenizer.size, seed=1)


def test_targets_are_the_normalised_text() -> None:
    examples, left_out, tokenizer = choose([utterance("u", 2.0, "  ABC   d ")])
    assert [example.target for example in examples] == [tuple(tokenizer.encode("abc d"))]
    assert left_out == []


def test_each_reason_is_given_and_the_order_is_kept() -> None:
    examples, left_out, _ = choose(
        [
            utterance("fine-2", 1.0, "abc"),
            utterance("silent", 1.0, " \t "),
            utterance("blip", 0.05, "a"),
            utterance("speech", 31.0, "abc"),
            utterance("hasty", 0.2, "abcdefghijk"),
            utterance("fine-1", 1.0, "abc"),
        ]
    )
    assert [example.utterance.id for example in examples] == ["fine-2", "fine-1"]
    assert [(item.id, item.reason) for item in left_out] == [
        ("silent", "its text is empty"),
        ("blip", "0.05 s is shorter than corpus.min_seconds = 0.1"),
        ("speech", "31.00 s is longer than corpus.max_seconds = 30"),
        ("hasty", "its 11 tokens need 11 frames of output, it has 10 at speed 1.1"),
    ]


@pytest.mark.parametrize(
    ("seconds", "text", "fits"),
    [
        # 0.2 s at 8 kHz and speed 1.0: 1600 samples less one, 1 + 1599 // 80 = 20 frames, 10 outputs
        (0.2, "abcdefghij", True),
        (0.2, "abcdefghijk", False),
        (0.2, "aaaaa", True),  # five tokens and four blanks in between
        (0.2, "aaaaaa", False),
    ],
)
def test_as_many_outputs_as_tokens_and_blanks(seconds: float, text: str, fits: bool) -> None:
    recipe = miniature.recipe(augment__speed=[1.0])
    examples, left_out, _ = choose([utterance("other", 2.0, "a"), utterance("u", seconds, text)], recipe)
    assert (len(examples), len(left_out)) == ((2, 0) if fits else (1, 1))


def test_no_limit_below() -> None:
    recipe = miniature.recipe(corpus__min_seconds=0)
    _, left_out, _ = choose([utterance("other", 2.0, "a"), utterance("nothing", 0.00001, "a")], recipe)
    assert "need 1 frames of output, it has 0" in left_out[0].reason


@given(
    st.integers(2000, 9000),
    st.sampled_from([8000, 11_025, 16_000, 22_050, 44_100, 48_000]),
    st.sampled_from([0.9, 1.1, 1.05]),
)
def test_frames_promised_are_there(samples: int, rate: int, speed: float) -> None:
    """The count made from the duration is never above what resampling and speed leave of the audio."""
    recipe = miniature.recipe(augment__speed=[speed])
    model = model_of(recipe, build_tokenizer(recipe.tokenizer, ["ab"]))
    heard = change_speed(resample(np.zeros(samples, np.float32), rate, 8000), 8000, speed)
    promised = model.output_length(int(samples / rate * 8000 / speed) - 1)
    assert model.output_length(len(heard)) - 1 <= promised <= model.output_length(len(heard))


def test_what_was_selected_can_be_loaded_and_aligned(tmp_path: Path) -> None:
    """The tightest text that is let in has a finite loss at every speed."""
    from asr.randomness import Draws
    from asr.training.micro_batch import gradients

    soundfile.write(tmp_path / "u.wav", np.full(2900, 0.1), 8000)
    texts = ["abcdefghij"[: n % 10 + 1] * (1 + n // 10) for n in range(60)]
    utterances = [Utterance(f"u{n}", str(tmp_path / "u.wav"), 2900 / 8000, t) for n, t in enumerate(texts)]
    tokenizer = build_tokenizer(RECIPE.tokenizer, texts)
    model = model_of(RECIPE, tokenizer)
    examples, left_out = select(utterances, tokenizer, model, RECIPE)
    assert examples
    assert left_out
    longest = max(range(len(examples)), key=lambda row: len(examples[row].target))
    for epoch in range(12):  # speeds are drawn by epoch
        batch = load(examples, (longest,), RECIPE, epoch)
        losses, _ = gradients(model, batch, Draws(1, epoch, 0, 0, batch.ids), RECIPE, 1)
        assert losses.each.isfinite().all()


def test_characters_outside_the_alphabet_name_utterance_and_character() -> None:
    recipe = miniature.recipe(tokenizer__alphabet="abc ")
    utterances = [utterance("fine", 1.0, "abc"), utterance("an7-bad", 1.0, "a é c!")]
    tokenizer = build_tokenizer(recipe.tokenizer, ["abc", "a é c!"])
    with pytest.raises(TrainingError) as caught:
        select(utterances, tokenizer, model_of(recipe, tokenizer), recipe)
    text = str(caught.value)
    assert "an7-bad" in text
    assert "'é' (U+00E9)" in text
    assert "'!' (U+0021)" in text
    assert "fine" not in text
    assert "\n" not in text


def test_nothing_left_shows_why() -> None:
    with pytest.raises(TrainingError) as caught:
        choose([utterance(f"u{n}", 0.05, "a") for n in range(5)])
    text = str(caught.value)
    assert text.startswith("none of 5 training utterances can be learned from (u0: 0.05 s is shorter than")
    assert "u2" in text
    assert "u3" not in text
