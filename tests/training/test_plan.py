"""The plan of an epoch: the one that every run so far had, and windows of shards."""

from collections import Counter
from pathlib import Path

import miniature
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planned_by_hand import plan_by_hand

from asr.augment import speed_of
from asr.batching import Step
from asr.manifest import Selected, Utterance, read_manifest, write_manifest
from asr.recipe import Recipe
from asr.tokenizer import CharacterTokenizer
from asr.training.examples import Example, Examples
from asr.training.plan import WINDOW, plan_training

RECIPE = miniature.recipe(train__utterances=4, train__seconds=25.0, augment__speed=[0.9, 1.0, 1.1, 1.3])
TOKENIZER = CharacterTokenizer("abc ")

ids = st.lists(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6), max_size=30, unique=True
)


def utterances(count: int, shards: int = 0, seed: int = 1) -> list[Utterance]:
    """In shards of nearly equal count, one after the other; 0: as files."""
    seconds = np.random.default_rng(seed).lognormal(1.0, 0.6, count)
    place = "/x/train-{0:06d}.tar#{1}+7" if shards else "/x/{1}.wav"
    return [
        Utterance(f"u{n}", place.format(n * shards // count, n), float(seconds[n]), "abc")
        for n in range(count)
    ]


def by_hand(given_utterances: list[Utterance], recipe: Recipe, epoch: int) -> list[Step]:
    """One generator for each utterance, and lists."""
    train = recipe.train
    return plan_by_hand(
        [u.duration / speed_of(recipe.augment, recipe.seed, epoch, u.id) for u in given_utterances],
        utterances=train.utterances,
        padded_seconds=train.seconds,
        micro_batches=train.micro_batches,
        seed=recipe.seed,
        epoch=epoch,
    )


def in_file(folder: Path, given_utterances: list[Utterance]) -> Examples:
    write_manifest(folder / "train.jsonl", given_utterances)
    return Examples(read_manifest(folder / "train.jsonl"), TOKENIZER, "plain-1")


def in_list(given_utterances: list[Utterance]) -> list[Example]:
    return [Example(utterance, (1, 2)) for utterance in given_utterances]


@given(ids, st.integers(0, 3), st.integers(1, 4))
def test_plan_is_the_one_by_hand(names: list[str], epoch: int, seed: int) -> None:
    given_utterances = [Utterance(name, "x.wav", 0.3 + len(name), "abc") for name in names]
    recipe = RECIPE.model_copy(update={"seed": seed})
    assert list(plan_training(in_list(given_utterances), recipe, epoch)) == by_hand(
        given_utterances, recipe, epoch
    )


@pytest.mark.parametrize("epoch", [0, 7])
def test_plan_of_a_manifest_is_the_one_by_hand(tmp_path: Path, epoch: int) -> None:
    many = utterances(1500)
    assert list(plan_training(in_file(tmp_path, many), RECIPE, epoch)) == by_hand(many, RECIPE, epoch)


@pytest.mark.parametrize("shards", [1, WINDOW])
def test_corpus_of_one_window_has_the_plan_of_plain_files(shards: int) -> None:
    assert list(plan_training(in_list(utterances(200, shards)), RECIPE, 2)) == by_hand(
        utterances(200), RECIPE, 2
    )


def shard_numbers(step: Step, many: list[Utterance]) -> set[str]:
    return {many[row].audio_filepath.partition("#")[0] for batch in step for row in batch}


@pytest.mark.parametrize("shards", [WINDOW + 1, 3 * WINDOW, 50])
def test_a_window_of_shards_at_a_time(shards: int) -> None:
    """Between the first and the last use of a shard, no more others are needed than a window has."""
    many = utterances(20 * shards, shards)
    steps = plan_training(in_list(many), RECIPE, 0)
    assert Counter(row for step in steps for batch in step for row in batch) == Counter(range(len(many)))
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for number, step in enumerate(steps):
        for shard in shard_numbers(step, many):
            first.setdefault(shard, number)
            last[shard] = number
    assert len(first) == shards
    needed = [sum(first[shard] <= number <= last[shard] for shard in first) for number in range(len(steps))]
    assert max(needed) <= WINDOW
    assert max(needed) >= WINDOW / 2  # and they are shuffled, not read one by one


def test_windows_shuffle() -> None:
    """Other shards meet, and other utterances, in every epoch and with every seed."""
    many = utterances(400, 40)
    plans = [
        list(plan_training(in_list(many), RECIPE.model_copy(update={"seed": seed}), epoch))
        for seed, epoch in ((1, 0), (1, 1), (2, 0))
    ]
    firsts = [frozenset().union(*(shard_numbers(step, many) for step in plan[:8])) for plan in plans]
    assert len(set(firsts)) == 3
    assert list(plan_training(in_list(many), RECIPE, 0)) == plans[0]
    rows = [row for step in plans[0] for batch in step for row in batch]
    assert abs(np.corrcoef(rows, range(len(rows)))[0, 1]) < 0.5


def test_rows_in_the_middle_of_a_windowed_plan() -> None:
    steps = plan_training(in_list(utterances(300, 30)), RECIPE, 3)
    whole = list(steps)
    assert len(whole) == len(steps)
    assert [steps[number] for number in range(len(steps))] == whole
    assert steps[-1] == whole[-1]
    assert steps[5:9] == whole[5:9]
    with pytest.raises(IndexError):
        steps[len(steps)]
    assert all(isinstance(row, int) for batch in whole[4] for row in batch)


def test_order_of_the_manifest_is_all_that_the_shards_add() -> None:
    """How the shards are called does not matter."""
    many = utterances(200, 20)
    renamed = [
        Utterance(u.id, u.audio_filepath.replace("/x/train", "/elsewhere/z"), u.duration, u.text)
        for u in many
    ]
    assert list(plan_training(in_list(renamed), RECIPE, 1)) == list(plan_training(in_list(many), RECIPE, 1))


def test_examples_are_made_when_asked_for(tmp_path: Path) -> None:
    examples = in_file(tmp_path, [Utterance("a", "/a.wav", 1.0, "A  b"), Utterance("b", "/b.wav", 1.0, "é")])
    assert examples[0] == Example(Utterance("a", "/a.wav", 1.0, "A  b"), (1, 4, 2))
    assert examples[-2:-1] == [examples[0]]
    assert len(examples) == 2
    with pytest.raises(IndexError):
        examples[2]


def test_shards_are_numbered_as_they_appear(tmp_path: Path) -> None:
    """A process that has the whole list, from which utterances were held out, plans as one that has the rest alone."""
    generator = np.random.default_rng(1)
    rows = [(f"u{n}", int(shard)) for n, shard in enumerate(generator.integers(0, 3 * WINDOW, 200))]
    made = [
        Utterance(
            name, str(tmp_path / f"train-{shard:06d}.tar#{512 * n}+10"), 1.0 + n % 7, "go", speaker=str(n % 5)
        )
        for n, (name, shard) in enumerate(rows)
    ]
    write_manifest(tmp_path / "all.jsonl", made)
    kept = [n for n in range(len(made)) if n % 9]  # the first of some shards is not among them
    write_manifest(tmp_path / "kept.jsonl", [made[n] for n in kept])
    tokenizer, recipe = CharacterTokenizer("go"), miniature.recipe()
    whole = Examples(Selected(read_manifest(tmp_path / "all.jsonl"), np.array(kept)), tokenizer, recipe.text)
    rest = Examples(read_manifest(tmp_path / "kept.jsonl"), tokenizer, recipe.text)
    plans = [list(plan_training(examples, recipe, 1)) for examples in (whole, rest)]
    assert plans[0] == plans[1]
    assert Counter(row for step in plans[0] for batch in step for row in batch) == Counter(range(len(kept)))
